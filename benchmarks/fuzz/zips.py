"""A zip archive taken apart and put together again, true or lying in any field of its directory and headers."""

import io
import random
import struct
import zipfile
import zlib
from dataclasses import dataclass, field

from benchmarks.fuzz.bytewise import BYTEWISE

_ODD = (0, 1, 8, 22, 46, 255, 0x7FFF, 0xFFFF, 1 << 20, (1 << 31) - 1, (1 << 32) - 1)
_NAMES = (b"x/data.pkl", b"x/data/0", b"../../etc/passwd", b"\x1b[31mred", b"\xff\xfe", b"", b"n" * 2000, b"a/b/c\n")


@dataclass
class Item:
    """An entry; `local` and `listed` are fields of its two headers that say something else than the truth."""

    name: bytes
    data: bytes
    local: dict[str, int] = field(default_factory=dict)
    listed: dict[str, int] = field(default_factory=dict)


@dataclass
class Zip:
    """Entries, and lies for the end record; `wide` adds the 64-bit records that torch always writes."""

    items: list[Item]
    end: dict[str, int] = field(default_factory=dict)
    wide: bool = True

    @classmethod
    def of(cls, data: bytes) -> "Zip":
        """Take a valid archive apart."""
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return cls([Item(entry.filename.encode(), archive.read(entry)) for entry in archive.infolist()])

    def assemble(self) -> bytes:
        """The file: everything true but for the lies."""
        body, listed = bytearray(), bytearray()
        for item in self.items:
            truth = {"flags": 0, "method": 0, "crc": zlib.crc32(item.data), "packed": len(item.data),
                     "size": len(item.data), "name": len(item.name), "extra": 0}  # fmt: skip
            offset = item.listed.get("offset", len(body))
            body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, *_fields(truth | item.local)) + item.name + item.data
            said = truth | {k: v for k, v in item.listed.items() if k != "offset"}
            listed += struct.pack("<4s2H", b"PK\1\2", 20, 20) + struct.pack("<4H3L2H", *_fields(said))
            listed += struct.pack("<3H2L", 0, 0, 0, 0, offset & 0xFFFFFFFF) + item.name
        truth = {"count": len(self.items), "size": len(listed), "start": len(body)} | self.end
        wide = b""
        if self.wide:
            at = len(body) + len(listed)
            numbers = (truth["count"], truth["count"], truth["size"], truth["start"])
            wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, *numbers)
            wide += struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
        counts = truth["count"] & 0xFFFF
        sizes = truth["size"] & 0xFFFFFFFF, truth["start"] & 0xFFFFFFFF
        return bytes(body + listed) + wide + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, counts, counts, *sizes, 0)


def _fields(said: dict[str, int]) -> tuple[int, ...]:
    """Flags to lengths in the order both headers share, each cut to its width."""
    short = [said[key] & 0xFFFF for key in ("flags", "method")]
    long = [said[key] & 0xFFFFFFFF for key in ("crc", "packed", "size")]
    return (*short, 0, 0, *long, said["name"] & 0xFFFF, said["extra"] & 0xFFFF)


def _lie(rng: random.Random, body: Zip) -> None:
    item = rng.choice(body.items)
    where = rng.choice([item.local, item.listed, item.listed])
    key = rng.choice(["flags", "method", "crc", "packed", "size", "name", "extra"])
    where[key] = rng.choice([*_ODD, len(item.data) + 1])
    if rng.random() < 0.5:  # the same lie in both headers
        item.local[key] = item.listed[key] = where[key]


def _overlap(rng: random.Random, body: Zip) -> None:
    """Entries that share bytes, so that together they seem to hold far more than the file."""
    for item in body.items[1 : rng.choice([2, 3, len(body.items)])]:
        item.listed["offset"] = rng.choice([0, 1, rng.randrange(1 << 16)])


def _twice(rng: random.Random, body: Zip) -> None:
    item = rng.choice(body.items)
    body.items.append(Item(item.name, rng.choice(body.items).data))


def _name(rng: random.Random, body: Zip) -> None:
    rng.choice(body.items).name = rng.choice(_NAMES)


def _end(rng: random.Random, body: Zip) -> None:
    body.end[rng.choice(["count", "size", "start"])] = rng.choice(_ODD)
    body.wide = rng.random() < 0.7


def _crowd(rng: random.Random, body: Zip) -> None:
    body.items += [Item(b"x/%d" % i, b"") for i in range(40_000 if rng.random() < 0.01 else 100)]


def _content(rng: random.Random, body: Zip) -> None:
    item = rng.choice(body.items)
    item.data = rng.choice(BYTEWISE)(rng, item.data)


def _narrow(rng: random.Random, body: Zip) -> None:
    body.wide = False


ZIPWISE = (_lie, _lie, _lie, _overlap, _twice, _name, _end, _crowd, _content, _content, _narrow)
