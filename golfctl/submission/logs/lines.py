"""The lines of a log file, of any size and encoding, in bounded memory and time.

Of a log beyond two windows the first and the last window are read: hyperparameters stand in the one, scores in the
other. Whatever was left out is said, for then what was not found is not known to be missing.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from golfctl.errors import InputError

WINDOW_BYTES = 2 << 20
LINE_CHARACTERS = 1 << 16
_BLOCK_BYTES = 1 << 18
_BYTE_ORDER_MARKS = (  # the longer ones first: UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_LITTLE_ENDIAN = (codecs.BOM_UTF16_LE, codecs.BOM_UTF32_LE)


class LogLines:
    """Iterate once over the lines of a file; then `cut` says why not all of it was read ("" where it was)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut = ""

    def __iter__(self) -> Iterator[str]:
        """
        Raises:
            InputError: the file cannot be opened or read.
        """
        try:
            if self.path.suffix.lower() == ".gz":
                yield from self._unpacked()
            else:
                yield from self._plain()
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error

    def _plain(self) -> Iterator[str]:
        with self.path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            mark, encoding = _encoding(stream.read(4))
            stream.seek(0)
            if size <= 2 * WINDOW_BYTES:
                yield from self._lines(stream, encoding, size, "what was written while it was read is missing")
                return
            left_out = f"{size - 2 * WINDOW_BYTES:,} bytes in its middle were not read"
            yield from self._lines(stream, encoding, WINDOW_BYTES, left_out)
            stream.seek(size - WINDOW_BYTES - size % 4)  # whole characters of UTF-16 and UTF-32 begin there
            rest = self._lines(stream, _without_mark(encoding, mark), WINDOW_BYTES + 4, left_out)
            next(rest, None)  # the end of a line
            yield from rest

    def _unpacked(self) -> Iterator[str]:
        try:
            with gzip.open(self.path, "rb") as stream:
                _, encoding = _encoding(stream.peek(4)[:4])
                left_out = f"what goes beyond {2 * WINDOW_BYTES:,} bytes was not unpacked"
                yield from self._lines(stream, encoding, 2 * WINDOW_BYTES, left_out)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            self.cut = "its gzip stream is damaged"

    def _lines(self, stream: BinaryIO | gzip.GzipFile, encoding: str, limit_bytes: int, left_out: str) -> Iterator[str]:
        """Whole lines of the next bytes. `left_out` becomes the reason of `cut` where the stream goes on."""
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        pending, dropping = "", False
        while limit_bytes > 0 and (block := stream.read(min(_BLOCK_BYTES, limit_bytes))):
            limit_bytes -= len(block)
            lines = (pending + decoder.decode(block)).splitlines(keepends=True)
            pending = "" if not lines or _ends(lines[-1]) else lines.pop()
            for line in lines:
                if not dropping:
                    yield self._whole(line)
                dropping = False
            if dropping:
                pending = ""
            elif len(pending) > LINE_CHARACTERS:
                yield self._whole(pending)
                pending, dropping = "", True
        if stream.read(1):
            self.cut = left_out  # the line at hand is not whole, and no number is cut in the middle
        elif pending and not dropping:
            yield self._whole(pending)

    def _whole(self, line: str) -> str:
        """The line; of one that is too long its beginning, up to the last blank."""
        if len(line) <= LINE_CHARACTERS:
            return line
        self.cut = self.cut or f"a line of it is longer than {LINE_CHARACTERS:,} characters"
        return line[:LINE_CHARACTERS].rpartition(" ")[0]


def _ends(line: str) -> bool:
    return line.splitlines()[0] != line


def _encoding(head: bytes) -> tuple[bytes, str]:
    """The byte-order mark that a file begins with, and its encoding; UTF-8 without one."""
    return next(((mark, name) for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)), (b"", "utf-8"))


def _without_mark(encoding: str, mark: bytes) -> str:
    """The encoding of a piece from the middle, where no mark stands."""
    if encoding in ("utf-16", "utf-32"):
        return f"{encoding}-{'le' if mark in _LITTLE_ENDIAN else 'be'}"
    return "utf-8"
