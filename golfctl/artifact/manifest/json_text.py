"""The manifest's JSON text to plain values, one rule at a time; safe on hostile text."""

import json
import math
from typing import Any, NoReturn

from golfctl.artifact.constants import PREAMBLE_BYTES, Limits
from golfctl.artifact.format_rules import fail
from golfctl.core.canonical import canonical_json
from golfctl.core.schema import MAX_INTEGER

_WHERE = ("manifest", PREAMBLE_BYTES)
_INTEGERS = "integers within ±(2^53 - 1)"


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
        return json.loads(text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError as error:
        fail("manifest-json", *_WHERE, "UTF-8", f"{error.reason} at byte {error.start:,} of the text")
    except json.JSONDecodeError as error:
        fail("manifest-json", *_WHERE, "JSON", f"{error.msg} at character {error.pos:,} of the text")
    except RecursionError:
        fail("manifest-depth", *_WHERE, "nesting within the limit", "nesting too deep to parse")
    except ValueError:  # Python refuses integers of more than 4,300 digits
        fail("manifest-number", *_WHERE, _INTEGERS, "a far longer one")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        fail("manifest-duplicate", *_WHERE, "each key once", f"key {twice!r} twice")
    return value


def _constant(name: str) -> NoReturn:
    fail("manifest-json", *_WHERE, "JSON", f"the constant {name}")


def _walk(value: Any, depth_limit: int) -> None:
    """Depth and numbers, without recursion."""
    level: list[Any] = [value]
    for _ in range(depth_limit):
        inner: list[Any] = []
        for item in level:
            for child in item.values() if isinstance(item, dict) else item:
                kind = type(child)
                if kind is dict or kind is list:
                    inner.append(child)
                elif kind is int and not -MAX_INTEGER <= child <= MAX_INTEGER:
                    fail("manifest-number", *_WHERE, _INTEGERS, child)
                elif kind is float and not math.isfinite(child):
                    fail("manifest-number", *_WHERE, "finite numbers", "a number too large for a 64-bit float")
        if not inner:
            return
        level = inner
    fail("manifest-depth", *_WHERE, f"at most {depth_limit} levels", "more")


def _check_canonical(text: bytes, value: dict[str, Any]) -> None:
    try:
        canonical = canonical_json(value, unicode_only=True)
    except UnicodeEncodeError:
        fail("manifest-canonical", *_WHERE, "valid Unicode", "a lone surrogate")
    if canonical != text:
        pairs = enumerate(zip(canonical, text, strict=False))
        at = next((i for i, (a, b) in pairs if a != b), min(len(canonical), len(text)))
        expected = f"{_piece(canonical, at)} at byte {at:,} of the text"
        fail("manifest-canonical", *_WHERE, expected, _piece(text, at))


def _piece(text: bytes, at: int) -> str:
    return text[at : at + 16].decode("utf-8", "replace") or "the end"
