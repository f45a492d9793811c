"""`golfctl generate`: text that a model writes, as it comes."""

from pathlib import Path
from typing import Any

import click

from golfctl.cli.options import json_option, needs, quiet_option, set_option
from golfctl.cli.text_options import tokenizer_option


@click.command()
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="[M.GOLF]")
@click.option("--prompt", default="", metavar="TEXT", help="What the text begins with. Default: a new document.")
@click.option("--tokens", type=click.IntRange(min=1), default=200, show_default=True, help="Tokens to write.")
@click.option("--temperature", type=float, default=0.8, show_default=True, metavar="T",
              help="Below 1: likelier tokens more often; 0: always the likeliest.")  # fmt: skip
@click.option("--top-p", type=float, default=0.95, show_default=True, metavar="P",
              help="Draw from the likeliest tokens that together have a share of P.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another text.")
@click.option("--seq-len", type=click.IntRange(min=1), help="Tokens of context. Default: the training length.")
@click.option("--ngram", type=click.IntRange(1, 16), metavar="N", help="Mix in exact counts of order N.")
@tokenizer_option
@click.option("--same-machine", is_flag=True, help="Ordinary arithmetic: faster; texts may differ between machines.")
@set_option
@json_option
@quiet_option
@needs("torch", "sentencepiece", "numba")
def command(source: Path | None, tokenizer: Path | None, **options: Any) -> None:
    """Write text with an artifact, M.GOLF or a run folder; default: the latest run's.

    The same seed gives the same text on every machine, unless --same-machine. Where a document ends, the next one
    begins after a blank line. The context is a rolling cache, so a text may be of any length. --set changes other
    values of the [eval] table, such as --set calibrate.lr=0.02.

    Example: golfctl generate --prompt "The function returns" --tokens 100
    """
    from golfctl.cli.generate_flow import GenerateFlags, generate_command

    generate_command(source, tokenizer, GenerateFlags(**options))
