"""Byte streams of plain, .xz, .zst and .gz files, told apart by their first bytes, then by their ending.

A damaged or cut stream is an error, never a short read.
"""

import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import zstandard

from golfctl.core.files import check_regular
from golfctl.errors import DataError, InputError

COMPRESSED = (".xz", ".zst", ".gz")
_MAGIC = {b"\xfd7zXZ\0": ".xz", b"\x28\xb5\x2f\xfd": ".zst", b"\x1f\x8b": ".gz"}  # no text in UTF-8 begins so
_CHUNK_BYTES = 1 << 20
_ZSTD_BYTES = 1 << 11  # four bytes can stand for 128 KiB: so much of a frame never gives more than 64 MiB at once


def read_chunks(path: Path) -> Iterator[bytes]:
    """Decompressed contents in pieces of about 1 MiB.

    Raises:
        InputError: missing, unreadable, or no regular file. DataError: the compressed stream is damaged or ends early.
    """
    check_regular(path)
    packing = ""
    try:
        packing = compression(path)
        yield from _zstd_chunks(path) if packing == ".zst" else _file_chunks(path, packing)
    except (lzma.LZMAError, EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError, MemoryError) as error:
        raise DataError(f"{path}: damaged or truncated {packing[1:]} stream: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def compression(path: Path) -> str:
    """The ending that fits the first bytes of a file, else its own, in small letters; "" for a plain file."""
    with path.open("rb") as stream:
        head = stream.read(max(map(len, _MAGIC)))
    named = path.suffix.lower()
    return next((ending for magic, ending in _MAGIC.items() if head.startswith(magic)), named * (named in COMPRESSED))


def _file_chunks(path: Path, packing: str) -> Iterator[bytes]:
    with _open(path, packing) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _open(path: Path, packing: str) -> IO[bytes]:
    if packing == ".xz":
        return lzma.open(path, "rb")
    return cast(IO[bytes], gzip.open(path, "rb")) if packing == ".gz" else path.open("rb")


def _zstd_chunks(path: Path) -> Iterator[bytes]:
    """Every frame to its end: the library's own stream reader takes a cut frame for the end of the file."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    started = False
    with path.open("rb") as stream:
        while data := stream.read(_ZSTD_BYTES):
            while data:
                started = True
                yield frame.decompress(data)
                data = frame.unused_data if frame.eof else b""
                if frame.eof:
                    frame, started = zstandard.ZstdDecompressor().decompressobj(), False
    if started:
        raise EOFError("the last frame is incomplete")
