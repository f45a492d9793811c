"""`golfctl decompress`: the text of a file that `compress` wrote."""

from pathlib import Path
from typing import Any

import click

from golfctl.cli.options import json_option, needs, quiet_option
from golfctl.cli.text_options import model_option, out_option, tokenizer_option


@click.command()
@click.argument("source", required=False, default="-", type=click.Path(path_type=Path), metavar="[FILE]")
@model_option
@out_option("Text to write; - is standard output.")
@tokenizer_option
@json_option
@quiet_option
@needs("torch", "sentencepiece", "numba")
def command(
    source: Path, model: Path | None, out: Path, tokenizer: Path | None, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Decompress FILE, or - for standard input. The text appears whole, with the digest it had, or not at all.

    The artifact is the one given, the one that the file embeds, or the latest run's, if it is the right one.

    Example: golfctl decompress book.glt -o book.txt
    """
    from golfctl.cli.text_flow import decompress_command

    decompress_command(source, model, out, tokenizer, as_json, quiet)
