"""The manifest's JSON text to plain values, one rule at a time; safe on hostile text."""

import json
import math
from typing import Any, NoReturn

from golfctl.artifact.layout import MAX_INTEGER, PREAMBLE_BYTES, Limits
from golfctl.artifact.rules import fail
from golfctl.core.canonical import canonical_json

_WHERE = ("manifest", PREAMBLE_BYTES)
_INTEGER_DIGITS = len(str(MAX_INTEGER)) + 1  # with a sign


def parse_json(text: bytes, limits: Limits) -> dict[str, Any]:
    """The JSON object that `text` holds.

    Raises:
        RuleError: rule manifest-json, -duplicate, -depth, -number or -canonical.
    """
    value = _load(text)
    if not isinstance(value, dict):
        fail("manifest-json", *_WHERE, "a JSON object", type(value).__name__)
    _walk(value, limits.manifest_depth)
    _check_canonical(text, value)
    return value


def _load(text: bytes) -> Any:
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        fail("manifest-json", *_WHERE, "UTF-8", f"{error.reason} at byte {error.start:,} of the text")
    except json.JSONDecodeError as error:
        fail("manifest-json", *_WHERE, "JSON", f"{error.msg} at character {error.pos:,} of the text")
    except RecursionError:
        fail("manifest-depth", *_WHERE, "nesting within the limit", "nesting too deep to parse")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        fail("manifest-duplicate", *_WHERE, "each key once", f"key {twice!r} twice")
    return value


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS or abs(int(digits)) > MAX_INTEGER:
        fail("manifest-number", *_WHERE, "integers within ±(2^53 - 1)", digits)
    return int(digits)


def _constant(name: str) -> NoReturn:
    fail("manifest-json", *_WHERE, "JSON", f"the constant {name}")


def _walk(value: Any, depth_limit: int) -> None:
    """Depth and finite numbers, without recursion."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, float) and not math.isfinite(item):
            fail("manifest-number", *_WHERE, "finite numbers", "a number too large for a 64-bit float")
        if isinstance(item, dict | list):
            if depth > depth_limit:
                fail("manifest-depth", *_WHERE, f"at most {depth_limit} levels", "more")
            children = item.values() if isinstance(item, dict) else item
            waiting.extend((child, depth + 1) for child in children)


def _check_canonical(text: bytes, value: dict[str, Any]) -> None:
    try:
        canonical = canonical_json(value)
    except UnicodeEncodeError:
        fail("manifest-canonical", *_WHERE, "valid Unicode", "a lone surrogate")
    if canonical != text:
        at = next(
            (i for i, (a, b) in enumerate(zip(canonical, text, strict=False)) if a != b), min(len(canonical), len(text))
        )
        fail(
            "manifest-canonical",
            *_WHERE,
            f"{canonical[at : at + 16]!r} at byte {at:,} of the text",
            f"{text[at : at + 16]!r}",
        )
