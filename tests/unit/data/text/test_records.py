"""Records of a source: the same wherever its bytes are cut, and JSON's own parser agrees about an array's elements."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golfctl.data.text import records
from golfctl.data.text.records import elements, lines, whole
from golfctl.errors import DataError

VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(alphabet='a"\\[]{},: \n\té€', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='b"\\]}', max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def cut(data, at):
    return [data[:at], data[at:]] if at else [data]


@given(st.lists(VALUES, max_size=4), st.sampled_from([None, 1]), st.booleans(), st.integers(0, 1 << 16))
def test_elements_are_those_of_the_parser(values, indent, ascii_only, at):
    data = b"\n " + json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode() + b" \n"
    found = list(elements(cut(data, at % len(data)), "a.json"))
    assert [json.loads(record.data) for record in found] == values


def test_every_cut_gives_the_same_records():
    array = b'[{"text": "a \\" ] , \\\\"},\n\n {"text": "b\\\\", "n": [1, {"x": "}"}]},3 ]\n'
    for cutter, data in ((elements, array), (lines, b'{"a": 1}\n\n \t\n"b"\r\n"c"'), (whole, b"one\ntwo")):
        expected = list(cutter([data], "x"))
        assert all(
            list(cutter([data[:i], data[i:j], data[j:]], "x")) == expected for j in range(len(data)) for i in range(j)
        )
    assert [record.line for record in elements([array], "x")] == [1, 3, 3]
    assert [record.line for record in lines([b"\n\na\n \nb\n"], "x")] == [3, 5]
    assert list(elements([b" [ ]\n"], "x")) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'[{"a": 1},\n{"b": 2}', "x: line 2 is not JSON: the file ends inside of its array"),
        (b'[{"a": "', "x: line 1 is not JSON: the file ends inside of its array"),
        (b"[1]\n\n 2", "x: line 3 is not JSON: text after the end of the array"),
        (b"[1]]", "x: line 1 is not JSON: text after the end of the array"),
    ],
)
def test_what_is_around_an_array_is_said(data, message):
    for at in range(len(data)):
        with pytest.raises(DataError, match=message):
            list(elements(cut(data, at), "x"))


@pytest.mark.parametrize(
    ("cutter", "data", "line"),
    [(whole, b"aaaa\naaaaaaa", 1), (lines, b"a\n\naaaaaaaaaaa", 3), (elements, b'[1,\n"aaaaaaaaaaa"]', 2)],
)
def test_a_document_above_the_limit_is_refused_before_it_is_whole(monkeypatch, cutter, data, line):
    monkeypatch.setattr(records, "MOST_BYTES", 10)

    def chunks():
        yield data
        raise AssertionError("read on")

    with pytest.raises(DataError, match=f"x: line {line}: the document there has more than 10 bytes; split it"):
        list(cutter(chunks(), "x"))
