"""The first 64 bytes of a `text/1` file, its numbers and limits; docs/format/text-v1.md prints its tables from here."""

import hashlib
import struct
from typing import NamedTuple

from golfctl.codec.text_format.text_rules import fail

MAGIC = b"\x89GLT\r\n\x1a\n"
VERSION = 1
DIGEST_BYTES, SEAL_BYTES = 16, 12
NO_ARTIFACT = bytes(DIGEST_BYTES)


class PreambleField(NamedTuple):
    """One field; `form` is a `struct` code."""

    name: str
    form: str
    kind: str
    meaning: str


PREAMBLE_FIELDS = (
    PreambleField("magic", "8s", "8 bytes", "`89 47 4C 54 0D 0A 1A 0A`; any text-mode transfer changes it"),
    PreambleField("version", "H", "uint16", "`1`"),
    PreambleField("header_coder", "B", "uint8", "how the header is stored: `0` as it is, `1` as a raw deflate stream "
                  "(RFC 1951) with the preset dictionary of section 3"),
    PreambleField("reserved", "B", "uint8", "`0`"),
    PreambleField("header_bytes", "H", "uint16", "length of the stored header"),
    PreambleField("header_raw_bytes", "H", "uint16", "length of the header's JSON text"),
    PreambleField("file_bytes", "I", "uint32", "length of the whole file"),
    PreambleField("seal", "12s", "12 bytes", "the first 12 bytes of the SHA-256 of the whole file but these 12"),
    PreambleField("artifact", "16s", "16 bytes", "the first 16 bytes of the SHA-256 of the artifact; zeros where none "
                  "is needed"),
    PreambleField("text", "16s", "16 bytes", "the first 16 bytes of the SHA-256 of the text"),
)  # fmt: skip
PREAMBLE = struct.Struct("<" + "".join(field.form for field in PREAMBLE_FIELDS))
PREAMBLE_BYTES = PREAMBLE.size
_SEAL_AT = 20
_SEAL = slice(_SEAL_AT, _SEAL_AT + SEAL_BYTES)
HEADER_CODERS = (0, 1)


class TextLimits(NamedTuple):
    """What a reader accepts at most."""

    file_bytes: int = (1 << 31) - 1
    text_bytes: int = 1 << 30
    tokens: int = 1 << 28
    lanes: int = 1 << 10
    positions: int = 1 << 19
    patch_bytes: int = 1 << 28


TEXT_LIMIT_REASONS = {
    "file_bytes": "bytes of the file",
    "text_bytes": "bytes of the text",
    "tokens": "targets in the text: bounds the work of decoding",
    "lanes": "lanes",
    "positions": "lanes × `stack.seq_len`: bounds the keys and values that are held",
    "patch_bytes": "bytes of the decoded patches",
}
TEXT_LIMITS = TextLimits()


class TextPreamble(NamedTuple):
    """Fields that carry information; lengths in bytes."""

    header_coder: int
    header_bytes: int
    header_raw_bytes: int
    file_bytes: int
    seal: bytes
    artifact: bytes
    text: bytes


def short_digest(data: bytes | memoryview) -> bytes:
    """What names an artifact or a text in a preamble."""
    return hashlib.sha256(data).digest()[:DIGEST_BYTES]


def sealed(header: bytes, coder: int, raw_bytes: int, body: bytes, artifact: bytes, text: bytes) -> bytes:
    """The whole file: a preamble, the stored header and what follows it."""
    size = PREAMBLE_BYTES + len(header) + len(body)
    fields = (MAGIC, VERSION, coder, 0, len(header), raw_bytes, size, bytes(SEAL_BYTES), artifact, text)
    data = bytearray(PREAMBLE.pack(*fields) + header + body)
    data[_SEAL] = seal_of(data)
    return bytes(data)


def seal_of(data: bytes | bytearray | memoryview) -> bytes:
    """The seal that a file with these bytes should have."""
    digest = hashlib.sha256(data[:_SEAL_AT])
    digest.update(memoryview(data)[_SEAL.stop :])
    return digest.digest()[:SEAL_BYTES]


def parse_text_preamble(data: bytes, limits: TextLimits = TEXT_LIMITS) -> TextPreamble:
    """The preamble of a whole file, checked against its length and seal.

    Raises:
        TextRuleError: the first broken rule.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        fail("magic", MAGIC, data[: len(MAGIC)])
    if len(data) < PREAMBLE_BYTES:
        fail("preamble-length", f"{PREAMBLE_BYTES} bytes", f"{len(data)} bytes")
    _, version, coder, reserved, stored, raw, size, seal, artifact, text = PREAMBLE.unpack(data[:PREAMBLE_BYTES])
    if version != VERSION:
        fail("version", VERSION, version)
    if coder not in HEADER_CODERS:
        fail("header-coder", "one of 0, 1", coder)
    if reserved:
        fail("reserved", 0, reserved)
    preamble = TextPreamble(coder, stored, raw, size, seal, artifact, text)
    _check_sizes(preamble, len(data), limits)
    if (found := seal_of(data)) != seal:
        fail("seal", seal.hex(), found.hex())
    return preamble


def _check_sizes(preamble: TextPreamble, actual_bytes: int, limits: TextLimits) -> None:
    _, stored, raw, size, *_ = preamble
    if not stored or not raw:
        fail("size", "a header of at least 1 byte", 0)
    if size > limits.file_bytes:
        fail("size", f"at most {limits.file_bytes:,} bytes", size)
    if size != actual_bytes:
        fail("file-length", f"{size:,} bytes as declared", f"{actual_bytes:,} bytes")
    if PREAMBLE_BYTES + stored > size:
        fail("file-length", f"{stored:,} bytes of header", f"{size - PREAMBLE_BYTES:,} bytes")
