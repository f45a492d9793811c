"""The grammar of a line: numbers whole or not at all, names in any dress, colours and JSON."""

import json
import math

import hypothesis
import pytest
from hypothesis import strategies as st

from golfctl.submission.logs import parse_log
from golfctl.submission.logs.grammar import read_line


def bpb(line):
    """Values of the fields whose name ends in bpb."""
    return [field.value for field in read_line(line).fields if field.words.endswith("bpb")]


@pytest.mark.parametrize(
    "line",
    [
        "val_bpb:1.1228", "val_bpb: 1.1228", "val_bpb = 1.1228", "val_bpb=1.1228", "bpb:1.1228", "Val BPB: 1.1228",
        "VAL_BPB : 1.1228", "ppm_mix_bpb:1.122800", "eval/bpb:1.1228", "x val-bpb:1.1228,", "(bpb=1.1228)",
        "bpb:+1.1228", "bpb:1.1228e0", "bpb:11228E-4", "bpb:.11228e+1", "bpb:1.1228.", "bpb: 1.1228; done",
        "bpb: 1.1228 ± 0.0004", "bpb:1.1228±0.0004", "bpb:1.1228+/-0.1", "**val_bpb**: **1.1228**", "`bpb`: `1.1228`",
        "{'val_bpb': 1.1228}", '{"val_bpb": 1.1228, }', '"val_bpb": "1.1228",', "| bpb: 1.1228 |", "bpb:tensor(1.1228)",
        "bpb: tensor(1.1228, device='cuda:0')", "bpb=np.float64(1.1228)", "bpb:\x1b[1;36m1.1228\x1b[0m",
        "\x1b]0;title\x07\x1b[32mval_bpb\x1b[0m: 1.1228", "\x9b1mbpb:1.1228", "vl:1.9 bpb:1.1228 t:2", "bpb:1.1228, 2",
    ],
)  # fmt: skip
def test_a_number_in_any_dress(line):
    assert bpb(line) == [1.1228]


@pytest.mark.parametrize(
    "token",
    [
        "1.12.3", "1.1228e", "1.12abc", "1.12e+", "2026-04-01", "12:30:05", "1,1228", "1,228", "1.1228/1.3", "0x1p0",
        "1.1228%", "1.1228(3)", "1_12", "1__000.5", "1.12_3", "1.12->1.11", "1.12 -> 1.11", "1.12 → 1.11", "--1.1",
        "1.1e5.2", "1e999", "9" * 400, "1.1228x", "1.2..", "1.1-1.2", "1.1228,1.9", "1.1²", "1.12\N{MINUS SIGN}3",
    ],
)  # fmt: skip
def test_a_number_is_never_cut_in_the_middle(token):
    """It is there, and it was not understood; nothing of it is read."""
    assert bpb(f"val_bpb:{token}") in ([None], [])


@pytest.mark.parametrize("line", ["val_bpb:enabled", "val_bpb:{bpb:.4f}", "bpb: v1.2", "bpb 1.1228", "bpb:", "bpb:nano",
                                  "bpb: information", "bpb_std:0.1", "a1.5bpbs:2", "sub:x"])  # fmt: skip
def test_what_is_no_field(line):
    assert bpb(line) == []


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan", "inf", "-Infinity", "INF"])
def test_nan_and_infinity_are_what_they_are(text):
    (found,) = bpb(f"val_bpb:{text} x")
    assert (math.isnan(found) and "nan" in text.lower()) or found == float(text)
    assert bpb('{"val_bpb": NaN}') != bpb('{"val_bpb": 1}') and bpb('{"val_bpb": -Infinity}') == [-math.inf]


@pytest.mark.parametrize(("token", "value", "unit"), [("74066ms", 74066.0, "ms"), ("9.8m", 9.8, "m"),
                         ("3 s,", 3.0, "s"), ("70.5s", 70.5, "s"), ("5 sets", 5.0, ""),
                         ("5 s/step", 5.0, "")])  # fmt: skip
def test_units(token, value, unit):
    (field,) = read_line(f"t:{token}").fields
    assert (field.value, field.unit) == (value, unit)


@pytest.mark.parametrize(("token", "whole"), [("62021632", 62021632), ("62,021,632", 62021632), ("62,02", None),
                         ("62.0M", None), ("6.2e7", None), ("1234,567", None), ("9" * 19, None)])  # fmt: skip
def test_whole_numbers(token, whole):
    (field,) = read_line(f"tokens:{token}").fields
    assert field.whole == whole


def test_json_keeps_repeated_keys_nested_names_and_texts():
    line = read_line('{"a": {"val_bpb": 1.5}, "bpb": 1, "bpb": 2, "stage": "int6", "x": [3], "t": true, "n": null}')
    assert [(f.name, f.value) for f in line.fields] == [("a.val_bpb", 1.5), ("bpb", 1.0), ("bpb", 2.0)]
    assert line.said == "int6"


FORMATS = ["{!r}", "{:.17g}", "{:.17e}", "{:.17E}", "{:+.17g}", "{:,}", "{:_}", "{:.17g};", "{:.17g})", "'{:.17g}'"]
NAMES = ["val_bpb:", "val_bpb = ", "Val BPB: ", "eval.bpb=", "BPB :\t"]


@hypothesis.given(st.floats(allow_nan=False), st.sampled_from(FORMATS), st.sampled_from(NAMES), st.text(max_size=5))
def test_any_float_in_any_format_is_read_back_exactly(value, form, name, after):
    shown = form.format(value)
    (found, *_) = bpb(f"step:1 {name}{shown} {after}")
    goes_on = after.strip()[:2] in ("->", "=>") or after.strip()[:1] in ("→", "⇒")
    assert found == value or (found is None and goes_on)


@hypothesis.given(st.floats(), st.text(max_size=8))
def test_any_float_in_json_is_read_back_exactly(value, name):
    (found,) = bpb(json.dumps({f"{name} bpb": value}))
    assert found == value or (math.isnan(found) and math.isnan(value))


def whole_token(text):
    """The oracle: a token goes on to a blank, a bracket, a quote, or a comma that no digit follows."""
    for i, c in enumerate(text):
        if c in " ;|)" or (c == "," and not text[i + 1 : i + 2].isdigit()):
            return text[:i]
    return text


@hypothesis.given(st.floats(0, 9), st.text("0123456789.eE+-,:%abcxXf() ;|", max_size=8))
def test_what_follows_a_number_makes_another_number_or_none(value, tail):
    """Nothing is ever read but the whole token, as Python's own float has it."""
    token = whole_token(f"{value!r}{tail}")
    (found, *_) = bpb(f"bpb:{value!r}{tail}")
    try:
        right = float(token.removesuffix("."))
    except ValueError:
        right = float(token.replace(",", "")) if found is not None and "," in token else None
    assert found == (right if right is not None and math.isfinite(right) else None)


@pytest.mark.parametrize(
    "piece",
    [
        "bpb", "a ",
        "a.b", "bpb:", "\x1b[", "\x1b]", "bpb:1", "1.", "{", '{"a":', "[1/", "chunk 1", "step ", "val_bpb : ", "bpb:1 ",
        "x val_loss:1 bpb:1 ", "- ", "INFO ", ",1", "1,", "tensor(", "a" * 99 + " ",
    ],
)  # fmt: skip
def test_a_long_line_takes_no_longer_than_its_length(piece):
    parse_log("bpb:" + piece * (60_000 // len(piece)))
    parse_log(piece * (60_000 // len(piece)) + " bpb:1")


@hypothesis.given(st.text(max_size=200))
def test_any_line_can_be_read(text):
    read_line(text)
    read_line("{" + text + "}")
