"""Which coder: `lzma:9` as people write it, and `auto`, the smallest of a stated list.

    NAME[:LEVEL][,KEY=VALUE…]      lzma:9    lzma:9,extreme=true,lc=0    zlib:9,layout=planes    raw    auto

`auto` tries everything `candidates()` lists for an array's dtype and shape and keeps the smallest; the first one wins
a tie, so the result depends on the array and the libraries alone. The lists hold what golfctl always has;
`auto:brotli` adds brotli, and fails where the extra is not installed.
"""

import json
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from golfctl.coding.base import Array
from golfctl.coding.bytewise.layout import Layout
from golfctl.coding.codec import accepts, encode
from golfctl.coding.table import CODERS, coder
from golfctl.core.table import suggestion
from golfctl.errors import UsageError

AUTO = "auto"
_LARGE = 1 << 16  # cells from which an integer matrix is left to the weight coder


class Encoded(NamedTuple):
    """What was chosen: the coder's id, its options (needed for provenance only, never to decode), the stream."""

    coder_id: str
    options: dict[str, Any]
    data: bytes


class CoderChoice(NamedTuple):
    """A coder with options, or `auto` with the extra coders it may try."""

    coder_id: str
    options: dict[str, Any]

    def encode(self, array: Array) -> Encoded:
        """Code `array`; the errors are those of `golfctl.coding.encode`."""
        if self.coder_id != AUTO:
            return Encoded(self.coder_id, self.options, encode(self.coder_id, array, **self.options))
        array = np.asarray(array)
        listed = candidates(array.dtype, array.shape, self.options.get("brotli", False))
        tried = [Encoded(choice.coder_id, choice.options, choice.encode(array).data) for choice in listed]
        return min(tried, key=lambda encoded: len(encoded.data))

    def __str__(self) -> str:
        options = ",".join(f"{key}={json.dumps(value).strip(chr(34))}" for key, value in sorted(self.options.items()))
        return self.coder_id + (f",{options}" if options else "")


def candidates(dtype: DTypeLike, shape: tuple[int, ...], brotli: bool = False) -> list[CoderChoice]:
    """What `auto` tries on such an array, in the order that decides ties.

    Integer matrices of 65,536 cells and more: rans/1, rans-lp/1 where it takes the array, and zstd at level 9 in two
    layouts, which sees repeated rows. Everything else: raw, and zlib 9, lzma 9 extreme, zstd 22 in each layout that
    makes a difference, lzma without literal context, rans/1 where it takes the array. With `brotli`: brotli 11 too.
    """
    kind, layouts = np.dtype(dtype), _layouts(np.dtype(dtype), shape)
    weights = CoderChoice("rans/1", {})
    extra = [CoderChoice("brotli/1", {"quality": 11, "layout": layout}) for layout in layouts] if brotli else []
    integers = accepts("rans/1", kind, shape)
    if integers and len(shape) > 1 and math.prod(shape) >= _LARGE:
        predicted = [CoderChoice("rans-lp/1", {})] if accepts("rans-lp/1", kind, shape) else []
        return [
            weights,
            *predicted,
            *(CoderChoice("zstd/1", {"level": 9, "layout": layout}) for layout in layouts),
            *extra,
        ]
    listed = [CoderChoice("raw/1", {})]
    listed += [CoderChoice("zlib/1", {"level": 9, "layout": layout}) for layout in layouts]
    listed += [CoderChoice("lzma/1", {"preset": 9, "extreme": True, "layout": layout}) for layout in layouts]
    listed += [CoderChoice("lzma/1", {"preset": 9, "extreme": True, "lc": 0, "pb": 0})]
    listed += [CoderChoice("zstd/1", {"level": 22, "layout": layout}) for layout in layouts]
    return [*listed, *([weights] if integers else []), *extra]


def _layouts(dtype: np.dtype[Any], shape: tuple[int, ...]) -> list[Layout]:
    """Layouts that differ from each other for such an array."""
    layouts: list[Layout] = ["plain"]
    if dtype.itemsize > 1:
        layouts.append("planes")
    if len(shape) >= 2 and 1 < shape[0] < math.prod(shape):
        layouts.append("transposed")
    return layouts


def parse_coder(text: str) -> CoderChoice:
    """Read a coder as people write it.

    Raises:
        UsageError: not of that form, or no such coder. ConfigError: a bad option.
    """
    head, *assignments = text.strip().split(",")
    name, colon, level = head.partition(":")
    if name == AUTO:
        return _parse_auto(text, level, assignments)
    coder_id = _newest(name)
    found, options = coder(coder_id), {}
    if colon:
        if found.level is None or not level.isdecimal():
            raise UsageError(f"--coder {text!r}: {level!r} is not a level of {coder_id}")
        options[found.level] = int(level)
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key or key in options:
            raise UsageError(f"--coder {text!r}: expected KEY=VALUE once per key, not {assignment!r}")
        options[key] = _value(value)
    found.options(options)
    return CoderChoice(coder_id, options)


def _parse_auto(text: str, extra: str, assignments: list[str]) -> CoderChoice:
    if assignments or extra not in ("", "brotli"):
        raise UsageError(f"--coder {text!r}: auto takes no options but auto:brotli")
    return CoderChoice(AUTO, {"brotli": True} if extra else {})


def _newest(name: str) -> str:
    """The newest version of coder `name`; `name/1` asks for that one."""
    if name in CODERS:
        return name
    versions = sorted((int(known.split("/")[1]), known) for known in CODERS if known.split("/")[0] == name)
    if not versions:
        names = sorted({known.split("/")[0] for known in CODERS} | {AUTO})
        raise UsageError(f"unknown coder {name!r}{suggestion(name, names)}")
    return versions[-1][1]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
