"""Which coder: `lzma:9` as people write it, and `auto`, the smallest of a stated list.

    NAME[:LEVEL][,KEY=VALUE…]      lzma:9    lzma:9,extreme=true,lc=0    zlib:9,layout=planes    raw    auto

`auto` tries every candidate of `candidates()` that takes the array and keeps the smallest; the first one wins a tie,
so the result depends on the array and the libraries alone. The list holds what golfctl always has;
`auto:brotli` adds brotli, and fails where the extra is not installed.
"""

import json
from typing import Any, NamedTuple

import numpy as np

from golfctl.coding.base import Array
from golfctl.coding.codec import accepts, encode
from golfctl.coding.table import CODERS, coder
from golfctl.core.table import suggestion
from golfctl.errors import UsageError

AUTO = "auto"


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
        tried = [
            Encoded(coder_id, options, encode(coder_id, array, **options))
            for coder_id, options in candidates(self.options.get("brotli", False))
            if accepts(coder_id, array.dtype, array.shape) and _useful(options, array)
        ]
        return min(tried, key=lambda encoded: len(encoded.data))

    def __str__(self) -> str:
        options = ",".join(f"{key}={json.dumps(value).strip(chr(34))}" for key, value in sorted(self.options.items()))
        return self.coder_id + (f",{options}" if options else "")


def candidates(brotli: bool = False) -> list[CoderChoice]:
    """What `auto` tries, in the order that decides ties."""
    layouts = ("plain", "planes", "transposed")
    listed = [CoderChoice("raw/1", {})]
    listed += [CoderChoice("zlib/1", {"level": 9, "layout": layout}) for layout in layouts]
    listed += [CoderChoice("lzma/1", {"preset": 9, "extreme": True, "layout": layout}) for layout in layouts]
    listed += [CoderChoice("lzma/1", {"preset": 9, "extreme": True, "lc": 0, "pb": 0})]
    listed += [CoderChoice("zstd/1", {"level": 22, "layout": layout}) for layout in layouts]
    if brotli:
        listed += [CoderChoice("brotli/1", {"quality": 11, "layout": layout}) for layout in layouts]
    return listed


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
    except json.JSONDecodeError:
        return text


def _useful(options: dict[str, Any], array: Array) -> bool:
    """Whether the layout differs from plain for this array."""
    layout = options.get("layout", "plain")
    if layout == "planes":
        return array.dtype.itemsize > 1
    return bool(layout == "plain" or (array.ndim >= 2 and 1 < array.shape[0] < array.size))
