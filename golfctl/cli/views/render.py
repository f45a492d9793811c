"""Results to stdout, as text for people or canonical JSON for machines."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from golfctl.cli.reply import Reply
from golfctl.cli.views.terminal import echo, let_go
from golfctl.core.canonical import ascii_json
from golfctl.core.text import one_line


def emit_json(value: Any) -> None:
    """Print one JSON document, canonical but for being ASCII, and a newline on stdout."""
    emit(ascii_json(value))


def emit(text: str) -> None:
    """Print the result on stdout; whatever fails after it, the form that was asked for is given."""
    context = click.get_current_context(silent=True)
    reply = None if context is None else context.find_object(Reply)
    if reply is not None:
        reply.given = True
    try:
        echo(text)
    except BrokenPipeError:  # the reader has seen enough; what the command has to say on stderr, and its code, stand
        let_go(sys.stdout)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table; cells that look like numbers are set to the right."""
    cells = [[one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = [_line(row, widths) for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        cell.rjust(width) if _numeric(cell) else cell.ljust(width) for cell, width in zip(row, widths, strict=True)
    ).rstrip()


def _numeric(cell: str) -> bool:
    return bool(cell) and cell[0] in "0123456789+-−.≈" and any(c.isdigit() for c in cell)
