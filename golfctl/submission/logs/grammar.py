"""The grammar of one line: fields, which are a name, `=` or `:`, and a number that is whole or is none.

    line   = text with fields, or one JSON object
    field  = name [quote] ("=" | ":") [quote] token
    name   = one or two words: val_bpb, "Val BPB", eval/final_bpb
    token  = number [unit] | number "±" anything, up to a blank, a closing bracket, a quote, `;`, `|`, or a comma
    number = digits with a point and an exponent as floats have them | nan | inf | grouped digits (1_234.5, 1,234.5)

A token that begins as a number and goes on as something else (1.12.3, 1.1228e, 2026-04-01, 1,228) has the value None:
it is there and was not understood. Nothing is ever read from a part of a token. Every pattern is linear in the line.
"""

import json
import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

_ANSI = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]")
_WRAP = r"(?:tensor|(?:np\.|numpy\.)?float\d\d)\("  # how libraries show a scalar
_BEGINS_AS_NUMBER = rf"(?:{_WRAP})?[+-]?\.?\d|[+-]?(?:nan|inf(?:inity)?)(?![\w.(])"
_FIELD = re.compile(
    r"(?<![\w./-])(?P<name>(?:[^\W\d]\w*+ )?+[^\W\d][\w./-]*+|[^\W\d][\w./-]*+)[\"'*`]{0,3}\s{0,8}"
    r"[:=]\s{0,40}[\"'*`]{0,3}"
    r"(?![+-]?[\d,]*\.?\d*[a-zA-Z%]\})"  # {x:.4f} is a program's
    rf"(?P<token>(?=(?i:{_BEGINS_AS_NUMBER}))(?:[^\s,;|)\]}}\"'<>]|,(?=\d))+)",
    re.ASCII,
)
_PLAIN = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_GROUPED = r"[+-]?\d{1,3}(?:(?:_\d{3})+(?:\.\d+)?|(?:,\d{3})+\.\d+)(?:[eE][+-]?\d+)?"
_UNIT = "ms|sec|seconds|s|minutes|min|m|bytes"
_NUMBER = re.compile(rf"(?:{_WRAP})?(?P<digits>{_GROUPED}|{_PLAIN})(?P<unit>{_UNIT})?\.?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
_COUNT = re.compile(r"\d{1,18}|\d{1,3}(?:,\d{3}){1,5}", re.ASCII)
_SPACED_UNIT = re.compile(rf"\s({_UNIT})(?=[\s,;|)\]}}]|$)")
_GOES_ON = re.compile(r"\s*(?:->|=>|→|⇒)")
_DECIMAL = re.compile(r"(?<![\w.,-])\d{1,3}\.\d{3,17}(?![\w.]|,\d)", re.ASCII)
_MARKS = "*`"
_JSON_FIELDS, _JSON_DEPTH = 4096, 8


class LogField(NamedTuple):
    """One named number of a line. `value` is None where the token is no number; `whole` the whole number it may be.

    `start` and `end` are positions of name and token in the line (in JSON: the order of the fields).
    """

    name: str
    value: float | None
    unit: str
    whole: int | None
    start: int
    end: int

    @property
    def words(self) -> str:
        """The name in lower case with `_` between its words: "Val BPB", "val/bpb" and "val_bpb" are one name."""
        return _one_name(self.name)

    @property
    def last_word(self) -> str:
        """The name without the word before it and without the path to it: "seed" of "with seed" and "args.seed"."""
        return re.split(r"[ ./]", self.name.lower())[-1]


@lru_cache(maxsize=4096)
def _one_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


class Line(NamedTuple):
    """A line and its fields; `said` are the texts of a JSON object, None for a line of text."""

    text: str
    fields: list[LogField]
    said: str | None


def read_line(text: str) -> Line:
    """A line by the grammar; every line has one reading, if only one without fields."""
    text = plain(text)
    if ":" not in text and "=" not in text:
        return Line(text, [], None)
    return _json_line(text) or Line(text, [_text_field(text, found) for found in _FIELD.finditer(text)], None)


def plain(line: str) -> str:
    """`line` without colours and other terminal sequences."""
    return _ANSI.sub("", line) if "\x1b" in line or "\x9b" in line else line


def number(token: str) -> tuple[float | None, str]:
    """The value and the unit of a whole token: (None, "") where it is no number, or one beyond float64."""
    token = token.strip(_MARKS).partition("±")[0].partition("+/-")[0].strip()
    if _NOT_FINITE.fullmatch(token):
        return float(token), ""
    found = _NUMBER.fullmatch(token)
    if found is None:
        return None, ""
    value = float(found["digits"].replace(",", "").replace("_", ""))
    return (value, found["unit"] or "") if math.isfinite(value) else (None, "")


def whole_number(token: str) -> int | None:
    """The whole number of a token, commas between groups of three allowed, or None."""
    return int(token.replace(",", "")) if _COUNT.fullmatch(token) else None


def _text_field(line: str, match: re.Match[str]) -> LogField:
    token, end = match["token"], match.end()
    value, unit = number(token)
    if _GOES_ON.match(line, end):
        value = None
    if not unit and (spaced := _SPACED_UNIT.match(line, end)):
        unit = spaced[1]
    return LogField(match["name"], value, unit, whole_number(token.strip(_MARKS)), match.start(), end)


def _json_line(text: str) -> Line | None:
    """A line that is one JSON object; None where it is none."""
    line = text.strip()
    if not (line.startswith("{") and line.endswith("}")):
        return None
    try:
        pairs = json.loads(line, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    fields: list[LogField] = []
    texts: list[str] = []
    for name, value in _leaves(pairs, "", _JSON_DEPTH):
        if isinstance(value, str) and (parsed := number(value))[0] is None:
            texts.append(value)
        else:
            found, unit = parsed if isinstance(value, str) else (_float(value), "")
            whole = value if isinstance(value, int) and abs(value) < 10**18 else whole_number(str(value))
            fields.append(LogField(name, found, unit, whole, len(fields), len(fields)))
        if len(fields) + len(texts) >= _JSON_FIELDS:
            break
    return Line(text, fields, " ".join(texts))


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with every key as often as it stands there."""


def _leaves(pairs: _Pairs, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Numbers and texts with their dotted names; lists are no fields of anyone's log."""
    for key, value in pairs:
        if isinstance(value, _Pairs) and depth:
            yield from _leaves(value, f"{path}{key}.", depth - 1)
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            yield f"{path}{key}", value


def _float(value: int | float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def decimals(line: str) -> list[float]:
    """Numbers of three decimals and more, whatever stands around them."""
    return [float(found) for found in _DECIMAL.findall(line)]
