"""The header of a safetensors file, checked before anything is made of it.

A file is a length N (8 bytes, little-endian), N bytes of JSON {name: {"dtype", "shape", "data_offsets": [start, end]}},
optionally {"__metadata__": {text: text}}, then the tensors back to back. (Format: the safetensors README.)
"""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from golfctl.core.files import check_regular, read_errors
from golfctl.core.text import printable
from golfctl.errors import CheckpointError

_LENGTH_BYTES = 8
HEADER_BYTES = 1 << 22
_TENSORS = 1 << 15
_DIMENSIONS = 8
_METADATA = "__metadata__"
# Every type the format has: bits of an element, and its name in numpy and torch.
_TYPES = {
    "BOOL": (8, "bool"), "U8": (8, "uint8"), "I8": (8, "int8"), "U16": (16, "uint16"), "I16": (16, "int16"),
    "U32": (32, "uint32"), "I32": (32, "int32"), "U64": (64, "uint64"), "I64": (64, "int64"),
    "F64": (64, "float64"), "F32": (32, "float32"), "F16": (16, "float16"), "BF16": (16, "bfloat16"),
    "F8_E4M3": (8, "float8_e4m3fn"), "F8_E4M3FNUZ": (8, "float8_e4m3fnuz"), "F8_E5M2": (8, "float8_e5m2"),
    "F8_E5M2FNUZ": (8, "float8_e5m2fnuz"), "F8_E8M0": (8, "float8_e8m0fnu"), "F6_E2M3": (6, "float6_e2m3"),
    "F6_E3M2": (6, "float6_e3m2"), "F4": (4, "float4_e2m1"), "C64": (64, "complex64"),
}  # fmt: skip


class TensorHeader(NamedTuple):
    """A tensor: the format's name of its type, numpy's name, and where its bytes lie in the file."""

    dtype: str
    element: str
    shape: tuple[int, ...]
    start: int
    end: int


class SafetensorsHeader(NamedTuple):
    """What a file says about itself, found to be true of its length."""

    metadata: dict[str, str]
    entries: dict[str, TensorHeader]


def read_header(stream: BinaryIO, file_bytes: int, where: str) -> SafetensorsHeader:
    """The header at the beginning of `stream`, whose file has `file_bytes` bytes.

    Raises:
        CheckpointError: truncated, beyond the limits, a key twice, an unknown type, a size that does not fit, or
            tensors that overlap, leave gaps or do not end where the file ends.
    """
    length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    if length > HEADER_BYTES:
        raise _bad(where, f"a header of {length:,} bytes; at most {HEADER_BYTES:,} are read here")
    text = stream.read(length)
    if len(text) < length:
        raise _bad(where, f"its header should have {length:,} bytes, the file ends before")
    document = _parse(text, where)
    metadata = document.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _bad(where, f"{_METADATA} is no object of texts")
    if len(document) > _TENSORS:
        raise _bad(where, f"{len(document):,} tensors; at most {_TENSORS:,} are read here")
    data = _LENGTH_BYTES + length
    entries = {name: _entry(name, value, data, where) for name, value in document.items()}
    _check_order(entries, data, file_bytes, where)
    return SafetensorsHeader(metadata, entries)


def read_file_header(path: Path) -> SafetensorsHeader:
    """The header of the file at `path`.

    Raises:
        InputError: no such file, a pipe or device, or one that cannot be read. CheckpointError: as `read_header`.
    """
    size = check_regular(path).st_size
    with read_errors(path), path.open("rb") as stream:
        return read_header(stream, size, str(path))


def _bad(where: str, what: str) -> CheckpointError:
    return CheckpointError(f"{where} is truncated or not a safetensors file: {what}")


def _parse(text: bytes, where: str) -> dict[str, Any]:
    """The JSON object; a key that comes twice, NaN and text that is no Unicode are refused."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
            raise ValueError(f"two entries are called {printable(twice)}")
        return found

    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")

    try:
        document = json.loads(text.decode("utf-8"), object_pairs_hook=once, parse_constant=no_constant)
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # lone surrogates, escaped in the text
    except UnicodeError as error:
        raise _bad(where, "its header is no Unicode text") from error
    except (ValueError, RecursionError) as error:
        raise _bad(where, f"its header is no JSON: {printable(str(error))}") from error
    if not isinstance(document, dict):
        raise _bad(where, "its header is no JSON object")
    return document


def _entry(name: str, value: Any, data: int, where: str) -> TensorHeader:
    shown = printable(name)
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise _bad(where, f"tensor {shown} needs dtype, shape and data_offsets, and nothing else")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _TYPES:
        what = printable(dtype) if isinstance(dtype, str) else "no text"
        raise _bad(where, f"tensor {shown} has a dtype that the format does not know: {what}")
    if not _sizes(shape) or len(shape) > _DIMENSIONS:
        raise _bad(where, f"tensor {shown} has no shape of at most {_DIMENSIONS} sizes below 2^63")
    if not _sizes(offsets) or len(offsets) != 2:
        raise _bad(where, f"tensor {shown} has no two offsets below 2^63")
    start, end = offsets
    bits = math.prod(shape) * _TYPES[dtype][0]
    if bits != 8 * (end - start):
        raise _bad(where, f"tensor {shown} {shape} of {dtype} does not fill bytes {start} to {end}")
    return TensorHeader(dtype, _TYPES[dtype][1], tuple(shape), data + start, data + end)


def _sizes(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(n) is int and 0 <= n < 1 << 63 for n in numbers)


def _check_order(entries: dict[str, TensorHeader], data: int, file_bytes: int, where: str) -> None:
    """Tensors lie back to back from the end of the header to the end of the file."""
    at = data
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != at:
            what = "overlaps the tensor before it" if entry.start < at else "leaves a gap before it"
            raise _bad(where, f"tensor {printable(name)} {what}")
        at = entry.end
    if at != file_bytes:
        raise _bad(where, f"its tensors end at byte {at:,}, the file has {file_bytes:,}")
