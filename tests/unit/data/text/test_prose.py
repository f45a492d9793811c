"""Prose of Python sources: docstrings, comment blocks and help texts, and nothing of the code."""

import pytest

from golfctl.data.text.prose import prose_of, topics_of

SOURCE = '''#! /usr/bin/env python
# A comment of more than one line
# that belongs together.

"""The module's own docstring,
   with a second line."""

USAGE = """usage: tool [options] file, where options are none"""
TEXT = """a string
# that looks like a comment but is none at all
"""

def function(x):
    """Return x, whatever it may be."""
    # ------------------------------------
    # An inner comment, indented as code.
    #     and an example within it
    return x  # a trailing remark that is not taken along

parser.add_argument("--level", help="how much is said while it works")
parser.add_argument("--short", help="too short")
# no words
'''


def test_blocks_come_in_source_order_without_code():
    assert prose_of(SOURCE) == [
        "A comment of more than one line\nthat belongs together.",
        "The module's own docstring,\nwith a second line.",
        "usage: tool [options] file, where options are none",
        "Return x, whatever it may be.",
        "An inner comment, indented as code.\n    and an example within it",
        "how much is said while it works",
    ]


def test_topics_are_the_strings_of_a_dictionary():
    assert topics_of("topics = {'a': 'First topic.\\n', 'b': 'Second ' 'topic.'}\n") == [
        "First topic.",
        "Second topic.",
    ]


def test_what_is_no_python_is_a_syntax_error():
    with pytest.raises(SyntaxError):
        prose_of("print 'old'")
