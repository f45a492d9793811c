"""`golfctl import`: read checkpoints and artifacts of the reference programs without running their code."""

from pathlib import Path
from typing import Any

import click

from golfctl.cli.options import json_option, needs, quiet_option, writes
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.render import emit_json
from golfctl.cli.views.terminal import echo
from golfctl.core.text import one_line, printable


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="File to write  [default: STEM.golf, STEM.golfctl.safetensors]"
)
@click.option("--model", type=click.Path(path_type=Path), metavar="RECIPE", help="Take its [model]: a file, or a name.")
@click.option("--set", "overrides", multiple=True, metavar="model.A.B=V", help="Override one value of the model spec.")
@click.option("--tokenizer", type=click.Path(path_type=Path), help="SentencePiece model it was trained with.")
@click.option("--skip", multiple=True, metavar="NAME", help="Leave out tensors; * and ? match; may be repeated.")
@click.option("--as", "form", type=click.Choice(["checkpoint", "artifact"]), help="What to write.")
@click.option("--coder", help="Coder of an artifact, as for pack  [default: auto]")
@json_option
@quiet_option
@needs("torch", "sentencepiece", "numba")
@writes("out")
def command(
    source: Path,
    out: Path | None,
    model: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **rest: Any,
) -> None:
    """Turn a .pt, .safetensors or .ptz file of the reference programs into a golfctl checkpoint or artifact.

    Pickled code is never run. Quantised files keep their codes and scales. The model spec is inferred from names and
    shapes, and what these cannot tell is listed; --model or --set give it.
    """
    from golfctl.core.packaged import find_recipe
    from golfctl.errors import UsageError
    from golfctl.importing.source import read_source

    for override in overrides:
        if not override.strip().startswith("model."):
            raise UsageError(
                f"--set {override!r}: import reads the [model] table only, for example model.head.softcap=15"
            )
    progress = reporter(quiet)
    given = find_recipe(model, progress).tables.get("model", {}) if model else None
    found = read_source(source)  # before torch is loaded: what is refused is refused at once

    from golfctl.importing.import_checkpoint import ImportChoices, import_read

    choices = ImportChoices(given, overrides, rest["tokenizer"], rest["skip"], rest["form"], rest["coder"])
    result = import_read(found, choices, out, progress)
    if out is None:
        progress.say(f"writing {result.path}")
    for name in result.left_out:
        progress.say(f"left out: {printable(name)}")
    for setting in result.assumed:
        progress.say(f"not in names or shapes, at its default: model.{setting}")
    if as_json:
        emit_json(result.to_dict())
        return
    around = f" under {' + '.join(result.layers)}" if result.layers else ""
    found_in = f"{source}: {result.layout}{around}: {result.tensors} tensors, {result.parameters:,} parameters"
    echo(one_line(f"{found_in}, {result.quantized} quantised"))
    echo(one_line(f"wrote {result.form} {result.path}"))
