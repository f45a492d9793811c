"""`golfctl eval`: bits per byte of held-out text, from the reloaded artifact."""

from pathlib import Path
from typing import Any

import click

from golfctl.cli.options import Finite, device_option, json_option, needs, quiet_option, set_option, writes
from golfctl.cli.stack_options import stack_options


@click.command("eval")
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="[M.GOLF]")
@click.option("--data", type=click.Path(path_type=Path), help="Dataset folder. Default: what the run was trained on.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The original held-out text, where the data does not keep it.",
)
@click.option(
    "--rules",
    "rules_name",
    default="parameter-golf",
    show_default=True,
    help="Rules that know texts: a name or a file.",
)
@stack_options
@click.option("--documents", type=click.IntRange(min=1), help="Only the first N documents.")
@click.option("--ladder", is_flag=True, help="One pass, and the score with each layer added.")
@click.option("--estimate", is_flag=True, help="Only project the time, from about 1 % of the text.")
@click.option(
    "--deadline",
    type=Finite(min=0),
    metavar="S",
    help="Switch adaptation off in time to end after S seconds.",
)
@click.option("--strict", is_flag=True, help="Hand out one token at a time: causal by construction, and slow.")
@click.option("--stepwise", is_flag=True, help="The same for lanes of text side by side (docs/protocol.md).")
@click.option(
    "--lanes", type=click.IntRange(min=1), metavar="L", help="Texts read at a time by --stepwise (default 1)."
)
@click.option("--portable", is_flag=True, help="Arithmetic whose score is the same to the last bit on every machine.")
@click.option(
    "--proof",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the text compressed by the rows scored, in portable arithmetic; implies --stepwise.",
)
@click.option("--baselines", is_flag=True, help="Show general compressors on the same text beside the model.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="FILE", help="Save progress in FILE; go on from it.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the score along the stream and by document length.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the report as JSON.")
@set_option
@device_option
@json_option
@quiet_option
@needs("torch", "sentencepiece", "numba")
@writes("resume", "plot", "report", "proof")
def command(source: Path | None, data: Path | None, **options: Any) -> None:
    """Score the validation text of a dataset with an artifact.

    M.GOLF defaults to the latest run's model.golf. A checkpoint (.safetensors) is scored too, for comparison.
    """
    from golfctl.cli.evaluating.eval_flags import EvalFlags
    from golfctl.cli.evaluating.eval_flow import evaluate_command

    evaluate_command(source, data, EvalFlags(**options))
