"""The generated parts of `docs/format/text-v1.md`; `python -m tests.docs.text_page` writes them into the page."""

from pathlib import Path

from golfctl.codec.text_format.text_header import PRESET
from golfctl.codec.text_format.text_layout import PREAMBLE_FIELDS, TEXT_LIMIT_REASONS, TEXT_LIMITS
from golfctl.codec.text_format.text_rules import TEXT_RULES
from tests.docs.generated_blocks import preamble_table, rendered_with, table

PAGE = Path(__file__).parents[2] / "docs" / "format" / "text-v1.md"
_WIDTH = 110


def rendered(page):
    """The page with every generated block made anew."""
    return rendered_with(BLOCKS, page)


def _preamble():
    return preamble_table(PREAMBLE_FIELDS, lambda field: field.kind)


def _preset():
    text = PRESET.decode()
    lines = [text[i : i + _WIDTH] for i in range(0, len(text), _WIDTH)]
    return "\n".join(
        [f"{len(PRESET):,} bytes; the lines are joined without anything between:", "", "```", *lines, "```"]
    )


def _rules():
    return table(
        ("#", "rule", "what must hold"), [(i, f"`{n}`", r[0]) for i, (n, r) in enumerate(TEXT_RULES.items(), 1)]
    )


def _limits():
    rows = [(f"`{name}`", f"{getattr(TEXT_LIMITS, name):,}", why) for name, why in TEXT_LIMIT_REASONS.items()]
    return table(("limit", "at most", "of"), rows)


BLOCKS = {"preamble": _preamble, "preset": _preset, "rules": _rules, "limits": _limits}

if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
