"""Compressed and plain streams: the same bytes from each, and a cut one is an error."""

import gzip
import lzma
import os
from pathlib import Path

import pytest
import zstandard

from golfctl.data.text.byte_streams import read_chunks
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


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("name", ["small", "CAPITALS", "another"])
def test_the_first_bytes_say_how_a_stream_is_packed(tmp_path, suffix, name):
    ending = {"small": suffix, "CAPITALS": suffix.upper(), "another": ".dat"}[name]
    assert b"".join(read_chunks(write(tmp_path, ending, PACK[suffix](TEXT)))) == TEXT


def test_a_small_frame_of_zstd_does_not_become_large_at_once(tmp_path):
    data = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    assert max(map(len, read_chunks(write(tmp_path, ".zst", data)))) <= 1 << 26


def test_what_is_no_file_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path / "none", "no such file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "pipe", "it is a pipe, which can be read only once"),
        (Path("/dev/zero"), "it is a device, which has no end"),
    ):
        with pytest.raises(InputError, match=message):
            list(read_chunks(path))
