"""The zip archives that `torch.save` writes: entries as views of the file, no byte copied.

Entries are stored, never compressed, so a directory that says so can be held against the bytes that are there: every
entry lies in the file, none overlaps another, and its own header agrees with the directory. (Format: APPNOTE.)
"""

import struct
import zlib
from typing import NamedTuple

from golfctl.core.text import printable
from golfctl.errors import CheckpointError
from golfctl.importing import limits

MAGIC = b"PK\x03\x04"
_END = struct.Struct("<4s4H2LH")  # signature, disks, counts, directory's bytes and offset, comment's bytes
_WIDE_LOCATOR = struct.Struct("<4sLQL")
_WIDE_END = struct.Struct("<4sQ2H2L4Q")
_LISTED = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_SIZES_FOLLOW = 1 << 3  # flag bits
_HARMLESS = _SIZES_FOLLOW | 1 << 11 | 6  # names in UTF-8, hints of a compressor; all others change what the bytes mean
_WIDE, _WIDE_COUNT = 0xFFFFFFFF, 0xFFFF  # the number stands elsewhere, in 64 bits
_WIDE_LOCATOR_MAGIC = b"PK\x06\x07"


class _Entry(NamedTuple):
    name: str
    checksum: int
    size: int  # in bytes
    header: int  # where its own header is


class _Directory(NamedTuple):
    entries: int
    start: int
    end: int


class Archive:
    """The entries of an archive by name, each checked to lie where the directory says."""

    def __init__(self, data: bytes | bytearray, where: str) -> None:
        """Check the directory of `data`.

        Raises:
            CheckpointError: damaged, beyond the limits, compressed, encrypted, overlapping, or with a name twice.
        """
        self._view, self._where = memoryview(data).toreadonly(), where
        try:
            directory = self._find_directory(data)
            entries = self._list(directory)
        except (struct.error, UnicodeDecodeError) as error:
            raise self._bad("its directory is damaged") from error
        self._places = self._place(entries, directory)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    @property
    def names(self) -> list[str]:
        """Every entry, in the order of the directory."""
        return list(self._places)

    def read(self, name: str) -> memoryview:
        """The bytes of an entry.

        Raises:
            CheckpointError: they do not have the checksum that the directory gives (0 stands for none).
        """
        start, end, checksum = self._places[name]
        content = self._view[start:end]
        if checksum and zlib.crc32(content) != checksum:
            raise self._bad(f"entry {printable(name)} is damaged (its checksum is another)")
        return content

    def _bad(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self._where}: damaged archive: {what}")

    def _find_directory(self, data: bytes | bytearray) -> _Directory:
        at = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - 0xFFFF))
        if at < 0:
            raise self._bad("it has no directory; is the file complete?")
        _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(data, at)
        if at + _END.size + comment != len(data):
            raise self._bad("bytes follow its directory")
        end, told = at, (disk, first_disk, here, count, size, start)
        if self._view[max(0, at - _WIDE_LOCATOR.size) : at].tobytes().startswith(_WIDE_LOCATOR_MAGIC):
            end, wide = self._wide_directory(at - _WIDE_LOCATOR.size)
            if any(number not in (other, _WIDE, _WIDE_COUNT) for number, other in zip(told, wide, strict=True)):
                raise self._bad("it has two directories")
            disk, first_disk, here, count, size, start = wide
        if disk or first_disk or here != count:
            raise self._bad("it is one part of several")
        if count > limits.ZIP_ENTRIES:
            raise self._bad(f"{count:,} entries; at most {limits.ZIP_ENTRIES:,} are read here")
        if start + size != end:
            raise self._bad("its directory is not where its end says")
        return _Directory(count, start, end)

    def _wide_directory(self, locator: int) -> tuple[int, tuple[int, ...]]:
        """Where the directory ends by the 64-bit record (zip64) that `locator` points to, and its numbers."""
        at = _WIDE_LOCATOR.unpack_from(self._view, locator)[2]
        if at + _WIDE_END.size > locator:
            raise self._bad("its 64-bit directory is missing")
        signature, size, _, _, *numbers = _WIDE_END.unpack_from(self._view, at)
        if signature != b"PK\x06\x06" or at + 12 + size != locator:
            raise self._bad("its 64-bit directory is damaged")
        return at, tuple(numbers)

    def _list(self, directory: _Directory) -> list[_Entry]:
        entries, at = [], directory.start
        for _ in range(directory.entries):
            found = _LISTED.unpack_from(self._view, at)
            (signature, _, _, flags, method, _, _, checksum, packed, size, name_bytes, extra_bytes, comment_bytes,
             _, _, _, header) = found  # fmt: skip
            names = at + _LISTED.size
            extras = names + name_bytes
            at = extras + extra_bytes + comment_bytes
            if signature != b"PK\x01\x02" or at > directory.end or name_bytes > limits.ZIP_NAME_BYTES:
                raise self._bad("its directory is damaged")
            name = str(self._view[names:extras], "utf-8")
            if flags & ~_HARMLESS or method:
                raise CheckpointError(
                    f"{self._where}: entry {printable(name)} is compressed or encrypted; torch.save does neither"
                )
            extra = self._view[extras : extras + extra_bytes]
            size, packed, header = self._widened(extra, [size, packed, header])
            if size != packed:
                raise self._bad(f"entry {printable(name)} is stored, but has two sizes")
            entries.append(_Entry(name, checksum, size, header))
        if at != directory.end:
            raise self._bad("its directory holds more than its entries")
        return entries

    def _widened(self, extra: memoryview, numbers: list[int]) -> list[int]:
        """Those of `numbers` that need 64 bits, from the extra field of kind 1, in its order."""
        if _WIDE not in numbers:
            return numbers
        at = 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack_from("<2H", extra, at)
            if kind == 1:
                wide = struct.unpack_from(f"<{numbers.count(_WIDE)}Q", extra[at + 4 : at + 4 + length])
                following = iter(wide)
                return [next(following) if number == _WIDE else number for number in numbers]
            at += 4 + length
        raise self._bad("a 64-bit size is missing")

    def _place(self, entries: list[_Entry], directory: _Directory) -> dict[str, tuple[int, int, int]]:
        """Start, end and checksum of every entry's bytes; its own header must say what the directory says."""
        places: dict[str, tuple[int, int, int]] = {}
        free = 0
        for entry in sorted(entries, key=lambda entry: entry.header):
            if entry.header < free or entry.header + _LOCAL.size > directory.start:
                raise self._bad(f"entry {printable(entry.name)} overlaps another, or lies outside the file")
            start = self._content(entry)
            free = start + entry.size
            if free > directory.start:
                raise self._bad(f"entry {printable(entry.name)} reaches beyond the file")
            if entry.name in places:
                raise self._bad(f"two entries are called {printable(entry.name)}")
            places[entry.name] = (start, free, entry.checksum)
        return {entry.name: places[entry.name] for entry in entries}

    def _content(self, entry: _Entry) -> int:
        """Where the bytes of `entry` begin, after its own header."""
        found = _LOCAL.unpack_from(self._view, entry.header)
        signature, _, flags, method, _, _, _, packed, size, name_bytes, extra_bytes = found
        names = entry.header + _LOCAL.size
        start = names + name_bytes + extra_bytes
        name = entry.name.encode("utf-8")
        if signature != MAGIC or self._view[names : names + name_bytes] != name or method or flags & ~_HARMLESS:
            raise self._bad(f"the header of entry {printable(entry.name)} is another than the directory's")
        if not flags & _SIZES_FOLLOW and any(n not in (entry.size, _WIDE) for n in (packed, size)):
            raise self._bad(f"entry {printable(entry.name)} has another size in its own header")
        return start
