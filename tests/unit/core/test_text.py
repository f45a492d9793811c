"""Text that is shown never acts, and names that are stored come back."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golfctl.core.canonical import ascii_json, canonical_json
from golfctl.core.text import in_figure, one_line, visible

ANYTHING = st.text(st.characters(codec=None))  # lone surrogates too


@given(ANYTHING)
def test_what_is_shown_prints(text):
    assert one_line(text).isprintable()
    assert visible(text).replace("\n", "").isprintable()
    assert visible(text).count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("café", "café"),
        ("\x1b[2J\x07\x7f\x9b", r"\x1b[2J\x07\x7f\x9b"),
        ("a\r\tb", r"a\r\tb"),
        ("\u202e\u2066\u200b", r"\u202e\u2066\u200b"),
        (os.fsdecode(b"caf\xe9"), r"caf\udce9"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == one_line(text) == shown


@given(st.binary().map(os.fsdecode))
def test_names_of_files_come_back_from_json(name):
    value = {"path": name}
    assert json.loads(canonical_json(value)) == json.loads(ascii_json(value)) == value
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


@given(ANYTHING)
def test_json_for_a_terminal_is_printable_ascii(text):
    shown = ascii_json([text])
    assert shown.isascii() and shown.isprintable()


def test_canonical_json_of_the_format_has_no_lone_surrogates():
    with pytest.raises(UnicodeEncodeError):
        canonical_json("\ud800", unicode_only=True)


def test_dollars_make_no_formula():
    assert in_figure("$\\frac$\n") == r"\$\frac\$\n"
