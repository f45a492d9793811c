"""GitHub's Markdown, for step summaries and comments: what comes from outside stands in it as text and does nothing.

Source: https://github.github.com/gfm/
"""

from collections.abc import Sequence

from golfctl.core.text import one_line

_MOST_ROWS = 100  # a step summary may have 1 MiB; the rest is said, not shown


def code(text: str) -> str:
    """`text` as code: a plain span where that is safe, otherwise HTML with every sign as an entity."""
    shown = one_line(text)
    if shown and shown == shown.strip() and not set(shown) & set("`|\\"):
        return f"`{shown}`"
    return f"<code>{_entities(shown)}</code>"


def prose(text: str) -> str:
    """`text` as running text: letters, digits, blanks and harmless marks as they are, every other sign as an entity."""
    return _entities(one_line(text), plain=" ,;()'-")


def failure(message: str) -> str:
    """A failure as a paragraph."""
    return f"**Failed:** {prose(message)}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table; columns `numbers` are set to the right. Cells are Markdown already.

    Rows beyond the first 100 are counted in a last line.
    """
    rule = ["---:" if i in numbers else "---" for i in range(len(header))]
    lines = [_row(row) for row in (header, rule, *rows[:_MOST_ROWS])]
    if len(rows) > _MOST_ROWS:
        lines.append(f"\n… and {len(rows) - _MOST_ROWS:,} more rows: `golfctl inspect` shows them all.")
    return "\n".join(lines)


def folded(summary: str, body: str) -> str:
    """`body` behind a line that opens it."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _entities(text: str, plain: str = "") -> str:
    """The tag after `@` keeps renderers from making a link of an address once the entity is read."""
    signs = (sign if sign.isalnum() or sign in plain else f"&#{ord(sign)};" for sign in text)
    return "".join(signs).replace("&#64;", "&#64;<wbr>")
