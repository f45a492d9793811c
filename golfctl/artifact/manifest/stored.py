"""The manifest's JSON text to stored bytes and back, within exact lengths."""

import lzma
import zlib
from typing import Any

from golfctl.artifact.constants import MANIFEST_CODERS, MIN_DICTIONARY_BYTES, PREAMBLE_BYTES
from golfctl.artifact.format_rules import fail


def compress_manifest(text: bytes, coder: int) -> bytes:
    """Stored form of the manifest under coder number `coder`."""
    name = MANIFEST_CODERS[coder][0]
    if name == "zlib":
        return zlib.compress(text, 9)
    if name == "lzma2":
        filters: dict[str, Any] = _lzma2(len(text)) | {"preset": 9 | lzma.PRESET_EXTREME, "lc": 3, "lp": 0, "pb": 0}
        return lzma.compress(text, lzma.FORMAT_RAW, filters=[filters])
    return text


def decompress_manifest(stored: memoryview, coder: int, raw_bytes: int) -> bytes:
    """Rule `manifest-decode`: exactly `raw_bytes` bytes; never holds more than one byte beyond them."""
    name = MANIFEST_CODERS[coder][0]
    try:
        if name == "zlib":
            text, ended, left_over = _inflate(stored, raw_bytes)
        elif name == "lzma2":
            text, ended, left_over = _unlzma(stored, raw_bytes)
        else:
            text, ended, left_over = bytes(stored), True, 0
    except (zlib.error, lzma.LZMAError) as error:
        fail("manifest-decode", "manifest", PREAMBLE_BYTES, f"a {name} stream", str(error))
    if len(text) != raw_bytes or not ended:
        fail("manifest-decode", "manifest", PREAMBLE_BYTES, f"{raw_bytes:,} bytes of JSON",
             f"{'more' if len(text) > raw_bytes else f'{len(text):,} bytes'}")  # fmt: skip
    if left_over:
        fail("manifest-decode", "manifest", PREAMBLE_BYTES, "the end of the stream", f"{left_over:,} more bytes")
    return text


def _lzma2(raw_bytes: int) -> dict[str, Any]:
    return {"id": lzma.FILTER_LZMA2, "dict_size": max(MIN_DICTIONARY_BYTES, raw_bytes)}


def _inflate(stored: memoryview, raw_bytes: int) -> tuple[bytes, bool, int]:
    stream = zlib.decompressobj()
    text = stream.decompress(stored, raw_bytes + 1)
    if not stream.eof and len(text) == raw_bytes:  # the checksum may still be unread
        text += stream.decompress(stream.unconsumed_tail, 1)
    return text, stream.eof, len(stream.unused_data)


def _unlzma(stored: memoryview, raw_bytes: int) -> tuple[bytes, bool, int]:
    stream = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_lzma2(raw_bytes)])
    text = stream.decompress(stored, raw_bytes + 1)
    if not stream.eof and len(text) == raw_bytes:  # the end marker may still be unread
        text += stream.decompress(b"", 1)
    return text, stream.eof, len(stream.unused_data)
