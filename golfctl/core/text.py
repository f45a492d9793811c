"""Text from outside on its way to a terminal, a log or a page: it stays on one line and nothing in it acts."""

import os
from pathlib import Path


def one_line(text: str) -> str:
    """`text` with line breaks, escape sequences and whatever else does not print spelled out, such as `\\n`.

    So is what makes a log's line a command to GitHub's runner: `##[` anywhere in it, `::` at its start.
    """
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    shown = shown.replace("##[", "#\\x23[")
    return shown.replace("::", "\\x3a:", 1) if shown.lstrip().startswith("::") else shown


def printable(text: str, most: int = 100) -> str:
    """`text` on one line, cut after `most` characters; what was cut is said."""
    return one_line(text) if len(text) <= most else f"{one_line(text[:most])}… ({len(text):,} characters)"


def path_text(path: Path) -> str:
    """`path` as text that UTF-8 can hold: bytes of a file name that are no UTF-8 are spelled out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
