"""Options that `compress` and `decompress` share."""

from pathlib import Path
from typing import Any

import click

model_option: Any = click.option(
    "-m", "--model", type=click.Path(path_type=Path), metavar="M.GOLF", help="Artifact.  [default: the latest run's]"
)
tokenizer_option: Any = click.option(
    "--tokenizer", type=click.Path(path_type=Path), metavar="FILE", help="Tokenizer of an artifact that embeds none."
)


def out_option(what: str) -> Any:
    """Where the result goes."""
    return click.option(
        "-o", "--out", type=click.Path(path_type=Path), default="-", show_default=True, metavar="FILE", help=what
    )
