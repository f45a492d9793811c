"""The page of the text format is what the code does."""

import re

from golfctl.codec.rows.row_loops import MOST, UNIT
from golfctl.codec.rows.token_checks import CHECK_BYTES, CHECK_ROWS
from golfctl.codec.text_format.text_header import CodedRows, StoredPart, TextHeader
from golfctl.codec.text_format.text_layout import PREAMBLE_BYTES
from tests.docs.text_page import BLOCKS, PAGE, rendered


def test_generated_parts_are_current():
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- generated: ([a-z-]+) -->", page)) == set(BLOCKS)
    assert rendered(page) == page, "run: python -m tests.docs.text_page"


def test_every_field_and_number_stands_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    fields = [*TextHeader.model_fields, *(f"rows.{name}" for name in CodedRows.model_fields)]
    assert not [name for name in fields if f"| `{name}` |" not in page]
    assert not [name for name in StoredPart.model_fields if f"`{name}`" not in page]
    assert f"{CHECK_BYTES} bytes for every {CHECK_ROWS:,} tokens" in page
    assert f"preamble   {PREAMBLE_BYTES} bytes" in page
    assert (UNIT, MOST) == (2**28, 2**28 + 2**20) and "2^28 + 2^20" in page
