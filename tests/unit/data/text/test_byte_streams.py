"""Compressed and plain streams: the same bytes from each, and a cut one is an error."""

import gzip
import lzma

import pytest
import zstandard

from golfctl.data.text.byte_streams import read_chunks, read_lines
from golfctl.errors import DataError, InputError

TEXT = b"one\ntwo\n" + bytes(range(14, 250)) * 3000
PACK = {".xz": lzma.compress, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress, ".txt": bytes}


def write(folder, suffix, data):
    path = folder / f"file{suffix}"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", PACK)
def test_every_kind_gives_the_same_bytes(tmp_path, suffix):
    assert b"".join(read_chunks(write(tmp_path, suffix, PACK[suffix](TEXT)))) == TEXT


@pytest.mark.parametrize("suffix", PACK)
def test_several_frames_follow_each_other(tmp_path, suffix):
    data = PACK[suffix](b"first ") + PACK[suffix](b"second")
    assert b"".join(read_chunks(write(tmp_path, suffix, data))) == b"first second"


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".zst"])
@pytest.mark.parametrize("damage", ["cut", "changed", "not at all"])
def test_damage_is_an_error(tmp_path, suffix, damage):
    data = PACK[suffix](TEXT)
    middle = len(data) // 2
    bad = {
        "cut": data[:middle],
        "changed": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
        "not at all": b"plain text",
    }[damage]
    if suffix == ".zst" and damage == "changed":
        bad = bytes([data[0] ^ 1]) + data[1:]  # a frame written without its checksum shows damage in the header only
    with pytest.raises(DataError, match=f"damaged or truncated {suffix[1:]} stream"):
        b"".join(read_chunks(write(tmp_path, suffix, bad)))


def test_lines_and_a_missing_file(tmp_path):
    assert list(read_lines(write(tmp_path, ".txt", b"a\n\nb"))) == [b"a", b"", b"b"]
    with pytest.raises(InputError, match="no such file"):
        list(read_lines(tmp_path / "none.jsonl"))
