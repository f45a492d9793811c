"""Annotations of GitHub Actions: lines on stdout that the runner turns into marks on a pull request.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from golfctl.core.text import one_line


def annotation(level: str, message: str, file: str | None = None) -> str:
    """`::LEVEL file=FILE,title=golfctl::MESSAGE`; `level` is notice, warning or error.

    A page shows ten of each level per step; the log shows all of them.
    """
    place = "" if file is None else f"file={_property(file)},"
    return f"::{level} {place}title=golfctl::{_data(message)}"


def _data(text: str) -> str:
    """`text` as the message of a command; the runner reads percent signs as escapes."""
    return one_line(text).replace("%", "%25")


def _property(text: str) -> str:
    """`text` as the value of a property. Line breaks are kept, escaped: a file's name may hold them."""
    for letter, escape in {"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"}.items():
        text = text.replace(letter, escape)
    return text
