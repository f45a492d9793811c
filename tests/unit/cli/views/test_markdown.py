"""Markdown for step summaries: tables keep their shape and hostile text is text, against a plain reading of GFM."""

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from golfctl.cli.views.github import annotation
from golfctl.cli.views.markdown import code, failure, table
from golfctl.core.text import one_line

HOSTILE = st.text(st.sampled_from("|`\\*_[]()<>!@#~&;:/.w \n\x1bab-+=%,\u202e")) | st.text()


def cells_of(row):
    """Cells of a table's row: split at pipes that no backslash escapes, as every version of the format does."""
    assert "\n" not in row
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def text_of(cell):
    """What a reader sees of a code cell; fails when anything in it could be markup."""
    span = re.fullmatch(r"`([^`]*)`", cell)
    if span:
        return span[1]
    inner = re.fullmatch(r"<code>(.*)</code>", cell)[1].replace("<wbr>", "")
    assert not re.search(r"[^\w&#;]", inner)
    return html.unescape(inner)


@given(HOSTILE)
def test_a_cell_of_code_is_the_text_and_nothing_else(text):
    header, _, row, last = table(["name", "n"], [[code(text), "1"], ["`x`", "2"]], [1]).split("\n")
    assert cells_of(header) == ["name", "n"] and cells_of(last) == ["`x`", "2"]
    first, second = cells_of(row)
    assert second == "1" and text_of(first) == one_line(text)


@given(HOSTILE)
def test_a_failure_is_a_paragraph_of_plain_text(text):
    line = failure(text)
    assert "\n" not in line and line.startswith("**Failed:** ")
    rest = line.removeprefix("**Failed:** ").replace("<wbr>", "")
    assert not set(re.sub(r"&#\d+;", "", rest)) & set("|`\\*_[]<>!@#~&:/.")
    assert html.unescape(rest) == one_line(text)


def test_long_tables_say_what_they_leave_out():
    rows = [[str(i)] for i in range(150)]
    shown = table(["n"], rows)
    assert shown.count("\n| ") == 101 and "50 more rows" in shown


@given(HOSTILE, HOSTILE)
def test_an_annotation_is_one_line_that_gives_back_its_parts(message, file):
    line = annotation("error", message, file)
    assert "\n" not in line and "\r" not in line
    name, said = re.fullmatch(r"::error file=([^,:]*),title=golfctl::(.*)", line).groups()
    for letter, escape in {"\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C", "%": "%25"}.items():
        name = name.replace(escape, letter)
    assert name == file and said.replace("%25", "%") == one_line(message)
