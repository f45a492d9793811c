"""The one way out: whatever golfctl prints passes here, and nothing in it acts on a terminal or ends in a traceback.

Names from artifacts, records, logs, scorers and file systems may hold anything. They reach this module as they are;
here what does not print is spelled out, and so is what the encoding of the stream lacks.
"""

import io
import os
import re
import shutil
import sys
from typing import IO

import click

from golfctl.core.text import one_line, visible


def echo(text: str, colours: dict[str, str] | None = None) -> None:
    """Lines on standard output; what comes from outside was put on one line (`one_line`) when the lines were made.

    `colours`: on a terminal, the first of these words that stands between spaces in a line gets its colour.
    """
    shown = visible(text)
    if colours and _takes_colour(sys.stdout):
        words = re.compile(rf"(?<=  )({'|'.join(map(re.escape, colours))})(?=  )")
        painted = (words.sub(lambda m: click.style(m[0], fg=colours[m[0]]), line, 1) for line in shown.split("\n"))
        shown = "\n".join(painted)
    click.echo(shown)


def columns() -> int | None:
    """Width of the terminal that standard output goes to; None where it goes elsewhere."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def _takes_colour(stream: IO[str] | None) -> bool:
    """Whether `stream` is a terminal whose user did not ask for none (https://no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream is not None and stream.isatty() and not plain


def echo_bytes(data: bytes) -> None:
    """Bytes on standard output as they are, and nothing else; on a terminal what does not print is spelled out."""
    if sys.stdout is not None and sys.stdout.isatty():
        text = data.decode("utf-8", "surrogateescape")
        click.echo("\t".join(visible(piece) for piece in text.split("\t")), nl=False)
    else:
        click.echo(data, nl=False)


def tell(message: str, bold: bool = False) -> None:
    """One line on standard error. That nobody listens any more (a closed pipe or terminal) does not end the work."""
    try:
        click.secho(one_line(message), err=True, bold=bold or None)
    except OSError:
        let_go(sys.stderr)


def let_go(stream: IO[str] | None) -> None:
    """Whatever goes to `stream` from now on, its buffer included, goes nowhere, so that no later flush can fail."""
    if stream is None:  # the process was started without it
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def spell_out_what_encodings_lack() -> None:
    """A letter that an output's encoding lacks, as in Latin-1, is spelled out there instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
