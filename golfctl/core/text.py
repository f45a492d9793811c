"""Text from outside on its way to a terminal, a log or a page: it stays on one line and nothing in it acts.

Names are kept as Python has them: a byte of a file name that is no UTF-8 is a lone surrogate (PEP 383). They are
spelled out where they are shown, and only there; JSON keeps them whole (`golfctl.core.canonical`).
"""


def visible(text: str) -> str:
    """`text` with whatever does not print spelled out, such as `\\x1b`, `\\udce9`, `\\u202e`; its lines stay lines."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


def one_line(text: str) -> str:
    """`text` with line breaks, escape sequences and whatever else does not print spelled out, such as `\\n`.

    So is what makes a log's line a command to GitHub's runner: `##[` anywhere in it, `::` at its start.
    """
    shown = visible(text).replace("\n", "\\n").replace("##[", "#\\x23[")
    return shown.replace("::", "\\x3a:", 1) if shown.lstrip().startswith("::") else shown


def in_figure(text: str) -> str:
    """`text` on one line as a label of matplotlib's, to which dollar signs are the marks of a formula."""
    return one_line(text).replace("$", r"\$")


def printable(text: str, most: int = 100) -> str:
    """`text` on one line, cut after `most` characters; what was cut is said."""
    return one_line(text) if len(text) <= most else f"{one_line(text[:most])}… ({len(text):,} characters)"
