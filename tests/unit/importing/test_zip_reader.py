"""Archives that lie: every field of a directory, overlaps, 64-bit records, names, and what torch really writes."""

import io
import random
import struct
import warnings
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.zips import ZIPWISE, Item, Zip
from golfctl.errors import CheckpointError
from golfctl.importing import limits
from golfctl.importing.torch_file import read_torch
from golfctl.importing.zip_reader import Archive
from tests.unit.importing import reference_files as files

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4).half()}


def archive(**lies):
    return Zip([Item(b"x/data.pkl", b"\x80\x02}."), Item(b"x/data/0", bytes(range(40)))], **lies)


@settings(max_examples=200, deadline=None)
@given(
    entries=st.dictionaries(st.text(min_size=1, max_size=20), st.binary(max_size=100), max_size=8), wide=st.booleans()
)
def test_true_archives_are_read(entries, wide):
    """Names zipfile cannot write are none of ours; the oracle is the dict, our writer and Python's."""
    entries = {name: data for name, data in entries.items() if "\0" not in name and name.isprintable()}
    ours = Zip([Item(name.encode(), data) for name, data in entries.items()], wide=wide).assemble()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as theirs:
        for name, data in entries.items():
            theirs.writestr(zipfile.ZipInfo(name), data)
    for data in (ours, stream.getvalue()):
        found = Archive(data, "x.pt")
        assert {name: bytes(found.read(name)) for name in found.names} == entries


def test_sizes_in_64_bits():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as theirs, theirs.open("x/a", "w", force_zip64=True) as entry:
        entry.write(b"abc")
    found = Archive(stream.getvalue(), "x.pt")
    assert bytes(found.read("x/a")) == b"abc"
    body = archive()
    body.items[1].listed["size"] = 0xFFFFFFFF  # and no extra field to say it
    with pytest.raises(CheckpointError, match="64-bit"):
        Archive(body.assemble(), "x.pt")


@pytest.mark.parametrize("checksums", [True, False])
def test_files_of_torch(checksums):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(checksums)
    try:
        data = files.saved(TENSORS)
    finally:
        torch.serialization.set_crc32_options(before)
    assert np.array_equal(read_torch(data, "x.pt")["a"], TENSORS["a"].numpy())


def lying(index, where, **lies):
    body = archive()
    getattr(body.items[index], where).update(lies)
    return body.assemble()


def both(index, **lies):
    body = archive()
    body.items[index].local.update(lies)
    body.items[index].listed.update(lies)
    return body.assemble()


LIES = {
    "size in the directory": (lying(1, "listed", size=1 << 30), "two sizes"),
    "sizes in the directory": (lying(1, "listed", size=1 << 30, packed=1 << 30), "another size"),
    "size in the header": (lying(1, "local", size=39), "another size"),
    "sizes everywhere": (both(1, size=1 << 30, packed=1 << 30), "reaches beyond"),
    "size below": (both(1, size=1, packed=1), "checksum"),
    "checksum": (lying(1, "listed", crc=5), "checksum"),
    "overlap": (lying(1, "listed", offset=0), "overlaps"),
    "offset in another entry": (lying(1, "listed", offset=3), "overlaps"),
    "offset beyond": (lying(1, "listed", offset=1 << 31), "overlaps another, or lies outside"),
    "compressed": (both(0, method=8), "compressed or encrypted"),
    "compressed in the header only": (lying(0, "local", method=8), "another than the directory's"),
    "encrypted": (both(0, flags=1), "compressed or encrypted"),
    "patched": (both(0, flags=1 << 5), "compressed or encrypted"),
    "masked": (both(0, flags=1 << 13), "compressed or encrypted"),
    "name cut": (lying(0, "listed", name=3), "damaged"),
    "name long": (lying(0, "local", name=2000), "another than"),
    "extra long": (lying(1, "local", extra=60), "reaches beyond"),
    "count above": (archive(end={"count": 3}).assemble(), "damaged"),
    "count below": (archive(end={"count": 1}).assemble(), "more than its entries"),
    "count absurd": (archive(end={"count": 1 << 40}).assemble(), "entries|two directories"),
    "directory elsewhere": (archive(end={"start": 5}).assemble(), "not where"),
    "directory large": (archive(end={"size": 1 << 40}).assemble(), "not where|two directories"),
    "tail": (archive().assemble() + b"x", "follow"),
    "cut": (archive().assemble()[:-1], "directory"),
    "twice": (Zip([Item(b"a", b"1"), Item(b"a", b"2")]).assemble(), "two entries are called a"),
    "crowd": (Zip([Item(b"%d" % i, b"") for i in range(limits.ZIP_ENTRIES + 1)]).assemble(), "entries"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_lies(lie):
    data, message = LIES[lie]
    with pytest.raises(CheckpointError, match=message) as caught:
        found = Archive(data, "x.pt")
        for name in found.names:
            found.read(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", [b"\x1b[2Jx", "a\u202eb".encode(), b"\xff\xfe", b"a\nb", b"n" * 1000, b"n" * 5000])
def test_names_are_shown_escaped(name):
    for items in ([Item(name, b"1"), Item(name, b"2")], [Item(name, b"abc", listed={"crc": 7})]):
        with pytest.raises(CheckpointError) as caught:
            found = Archive(Zip(items).assemble(), "x.pt")
            found.read(found.names[0])
        assert str(caught.value).isprintable() and len(str(caught.value)) < 400


def test_entries_that_share_their_bytes_cannot_pose_as_a_large_file():
    """A directory of 20,000 entries over one megabyte: 20 GB by its own account."""
    big = Item(b"x/data/0", bytes(1 << 20))
    body = Zip(
        [
            big,
            *[
                Item(b"x/data/%d" % i, b"", listed={"offset": 0, "size": 1 << 20, "packed": 1 << 20})
                for i in range(1, 20_000)
            ],
        ]
    )
    with pytest.raises(CheckpointError, match="overlaps"):
        Archive(body.assemble(), "x.pt")


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_what_we_accept_python_reads_alike(seed):
    rng, body = random.Random(seed), archive()
    for _ in range(rng.choice([1, 2])):
        mutation = rng.choice([m for m in ZIPWISE if m.__name__ != "_crowd"])
        mutation(rng, body)
    data = body.assemble()
    try:
        found = Archive(data, "x.pt")
        ours = {name: bytes(found.read(name)) for name in found.names}
    except CheckpointError as error:
        assert str(error).isprintable()
        return
    with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(data)) as theirs:
        warnings.simplefilter("ignore")
        assert len(theirs.infolist()) == len(found.names)
        for info, (name, content) in zip(theirs.infolist(), ours.items(), strict=False):
            if info.CRC and "\0" not in name:
                assert theirs.read(info) == content


def test_a_short_end():
    with pytest.raises(CheckpointError, match="no directory"):
        Archive(b"PK\x03\x04", "x")
    with pytest.raises(CheckpointError, match="damaged"):
        Archive(b"PK\x05\x06", "x")
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)
    assert Archive(end, "x").names == []
