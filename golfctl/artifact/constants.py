"""Constants of the container, version 1: magic, preamble fields, coder numbers, dtypes, limits.

`docs/format/v1.md` prints its tables from what stands here (`tests/docs`), so the page and the reader cannot drift.
"""

import struct
from typing import NamedTuple

MAGIC = b"\x89GLF\r\n\x1a\n"
CONTAINER_VERSION = 1
MANIFEST_SCHEMA = "manifest/1"
FEATURES: frozenset[str] = frozenset()  # values of the manifest's `requires` that this reader knows
PREDICTED_CODER = "rans-lp/1"  # the one coder whose work grows faster than its output: see `prediction_work`
SECTION_KINDS = ("tensors", "tokenizer", "code", "extra")


class Field(NamedTuple):
    """One field of the preamble; `form` is a `struct` code, offsets are bytes from the start of the file."""

    name: str
    form: str
    unit: str
    meaning: str


PREAMBLE_FIELDS = (
    Field("magic", "8s", "bytes", "`89 47 4C 46 0D 0A 1A 0A`; any text-mode transfer changes it"),
    Field("container_version", "H", "", "`1`; moves only when the structure on this page changes"),
    Field("manifest_coder", "H", "", "how the manifest is stored: see the table of manifest coders"),
    Field("manifest_bytes", "I", "bytes", "length of the stored manifest"),
    Field("manifest_raw_bytes", "I", "bytes", "length of the manifest's JSON text"),
    Field("reserved", "I", "", "`0`"),
    Field("file_bytes", "Q", "bytes", "length of the whole file"),
    Field("seal", "32s", "", "SHA-256 of the 32 bytes before this field followed by the stored manifest"),
)
PREAMBLE = struct.Struct("<" + "".join(field.form for field in PREAMBLE_FIELDS))
PREAMBLE_BYTES = PREAMBLE.size
SEALED_BYTES = PREAMBLE_BYTES - 32

# number: (name, what the stored manifest is). A retired number is never given to another coder.
MANIFEST_CODERS = {
    0: ("raw", "the JSON text itself"),
    1: ("zlib", "a zlib stream (RFC 1950)"),
    2: ("lzma2", "a raw LZMA2 stream; dictionary size = `manifest_raw_bytes`, at least 4,096"),
}
MANIFEST_CODER_DEFAULT = 2  # liblzma gives the same bytes everywhere; zlib has several implementations
MIN_DICTIONARY_BYTES = 4096

# dtype: bytes per item. Little-endian, IEEE 754, two's complement.
DTYPES = {
    "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float16": 2, "float32": 4, "float64": 8,
}  # fmt: skip


class Limits(NamedTuple):
    """What a reader accepts at most; the defaults are the limits of the format, a caller may set tighter ones."""

    file_bytes: int = 1 << 30
    manifest_bytes: int = 1 << 20
    manifest_raw_bytes: int = 1 << 21
    manifest_depth: int = 32
    sections: int = 64
    streams: int = 8192
    tensors: int = 8192
    parts_per_tensor: int = 16
    files_per_section: int = 256
    external_files: int = 256
    dimensions: int = 8
    weights: int = 1 << 27
    raw_bytes: int = 1 << 28
    prediction_work: int = 1 << 35


LIMIT_REASONS = {
    "file_bytes": "bytes of the file; a byte-budgeted model is far below",
    "manifest_bytes": "bytes of the stored manifest",
    "manifest_raw_bytes": "bytes of the manifest's JSON; bounds what a decompression bomb can reach",
    "manifest_depth": "levels of nesting of objects and lists in the manifest; the outermost object is level 1",
    "sections": "sections in a file",
    "streams": "streams in all sections of kind `tensors` together",
    "tensors": "tensors",
    "parts_per_tensor": "parts of one tensor",
    "files_per_section": "files in one section of kind `code`",
    "external_files": "entries of `external`",
    "dimensions": "axes of a tensor or part",
    "weights": "elements of all tensors together; bounds what a reader may have to hold as 32-bit floats",
    "raw_bytes": "sum of `raw_bytes` over all sections: what a reader may have to hold decoded",
    "prediction_work": "sum over all streams under `rans-lp/1` of rows × columns², section 8.1; bounds decoding time",
}
