"""Byte streams of plain, .xz, .zst and .gz files; a damaged or cut stream is an error, never a short read."""

import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import zstandard

from golfctl.errors import DataError, InputError

COMPRESSED = (".xz", ".zst", ".gz")
_CHUNK_BYTES = 1 << 20


def read_chunks(path: Path) -> Iterator[bytes]:
    """Decompressed contents in pieces of about 1 MiB.

    Raises:
        InputError: missing or unreadable. DataError: the compressed stream is damaged or ends early.
    """
    try:
        yield from _zstd_chunks(path) if path.suffix == ".zst" else _file_chunks(path)
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path}") from error
    except (lzma.LZMAError, EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise DataError(f"{path}: damaged or truncated {path.suffix[1:]} stream: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_lines(path: Path) -> Iterator[bytes]:
    """Lines without their newline; a last line without one counts too."""
    rest = b""
    for chunk in read_chunks(path):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _file_chunks(path: Path) -> Iterator[bytes]:
    with _open(path) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".xz":
        return lzma.open(path, "rb")
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _zstd_chunks(path: Path) -> Iterator[bytes]:
    """Every frame to its end: the library's own stream reader takes a cut frame for the end of the file."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    started = False
    with path.open("rb") as stream:
        while data := stream.read(_CHUNK_BYTES):
            while data:
                started = True
                yield frame.decompress(data)
                data = frame.unused_data if frame.eof else b""
                if frame.eof:
                    frame, started = zstandard.ZstdDecompressor().decompressobj(), False
    if started:
        raise EOFError("the last frame is incomplete")
