"""The flags that stack techniques on a model, the same wherever a stack is named."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

_OPTIONS = (
    click.option("--recipe", type=click.Path(path_type=Path), help="Take [eval] from this recipe: a file, or a name."),
    click.option("--stride", type=click.IntRange(min=1), help="Rows scored per window (default 64)."),
    click.option("--seq-len", type=click.IntRange(min=1), help="Inputs per window. Default: the training length."),
    click.option("--batch", type=click.IntRange(min=1), help="Windows per forward (default 32)."),
    click.option("--rolling", is_flag=True, help="One pass through a rolling key-value cache: a score of its own."),
    click.option("--ttt", is_flag=True, help="Test-time training, score first: the SGD form of PR #549."),
    click.option("--slot-steps", type=click.IntRange(min=0), metavar="N", help="SLOT with N steps, causal by default."),
    click.option("--ngram", type=click.IntRange(1, 16), metavar="N", help="Mix in exact counts of order N."),
    click.option("--calibrate", is_flag=True, help="Learn temperature and token bias online."),
    click.option("--allow-leaks", is_flag=True, help="Permit forms that are no valid scores; they are labelled."),
)


@dataclass(frozen=True, kw_only=True)
class StackFlags:
    """What these flags said, and `--set`; None where one was not given."""

    recipe: Path | None
    stride: int | None
    seq_len: int | None
    batch: int | None
    rolling: bool
    ttt: bool
    slot_steps: int | None
    ngram: int | None
    calibrate: bool
    allow_leaks: bool
    overrides: tuple[str, ...]


STACK = tuple(field.name for field in fields(StackFlags))


def stack_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags to a command, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
