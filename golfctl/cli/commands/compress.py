"""`golfctl compress`: a text through a model into a file from which it decodes again."""

from pathlib import Path
from typing import Any

import click

from golfctl.cli.options import json_option, needs, quiet_option, set_option
from golfctl.cli.text_options import model_option, out_option, tokenizer_option


@click.command()
@click.argument("source", required=False, default="-", type=click.Path(path_type=Path), metavar="[TEXT]")
@model_option
@out_option("File to write; - is standard output.")
@tokenizer_option
@click.option(
    "--lanes",
    type=click.IntRange(min=1),
    help="Parts read side by side: fast, but each begins without "
    "context.  [default: one for every 8,192 tokens, at most 32]",
)
@click.option("--seq-len", type=click.IntRange(min=1), help="Tokens of context. Default: the training length.")
@click.option(
    "--stride",
    type=click.IntRange(min=1),
    metavar="N",
    help="Sliding windows that move N tokens, not a rolling cache.",
)
@click.option("--ngram", type=click.IntRange(1, 16), metavar="N", help="Mix in exact counts of order N.")
@click.option("--calibrate", is_flag=True, help="Learn temperature and token bias online.")
@click.option("--embed", is_flag=True, help="Put the artifact into the file: it then decodes by itself.")
@click.option("--same-machine", is_flag=True, help="Ordinary arithmetic: faster, and decodes on this machine alone.")
@click.option("--no-store", is_flag=True, help="Code by the model even where a general coder is smaller.")
@click.option("--no-verify", is_flag=True, help="Do not decode the file before it is written.")
@set_option
@json_option
@quiet_option
@needs("torch", "sentencepiece", "numba")
def command(source: Path, model: Path | None, out: Path, tokenizer: Path | None, **options: Any) -> None:
    """Compress TEXT, a file or - for standard input, of any bytes, with the predictions of an artifact.

    The context is a rolling cache, so that every token passes the model once; --stride takes sliding windows, as eval
    does by default, which look at each token several times. Whatever the tokenizer would lose is coded beside the
    tokens. The file is decoded again in full before it appears. It decodes to the same bytes on every machine, unless
    --same-machine.

    Example: golfctl compress book.txt -o book.glt
    """
    from golfctl.cli.text_flow import CompressFlags, compress_command

    compress_command(source, model, out, tokenizer, CompressFlags(**options))
