"""Token shards: the community's bytes exactly, and every damage named."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golfctl.data.shards import ShardWriter, check_ids, list_shards, read_shard, token_count, write_shard
from golfctl.errors import DataError, InputError, StorageError


def test_the_bytes_are_those_of_the_format(tmp_path):
    info = write_shard(tmp_path / "a_val_000000.bin", [1, 2, 65535])
    data = (tmp_path / info.file).read_bytes()
    assert data[:12] == (20240520).to_bytes(4, "little") + (1).to_bytes(4, "little") + (3).to_bytes(4, "little")
    assert data[12:1024] == bytes(1012) and data[1024:] == b"\x01\x00\x02\x00\xff\xff"
    assert read_shard(tmp_path / info.file).tolist() == [1, 2, 65535]


@given(parts=st.lists(st.lists(st.integers(0, 65535), max_size=20), max_size=8), limit=st.integers(1, 30))
def test_a_writer_fills_shards_one_after_the_other(tmp_path_factory, parts, limit):
    folder = tmp_path_factory.mktemp("shards")
    with ShardWriter(folder, "train", limit) as writer:
        for part in parts:
            writer.write(part)
    everything = [token for part in parts for token in part]
    paths = list_shards(folder, "train")
    found = [read_shard(path).tolist() for path in paths]
    assert [token for shard in found for token in shard] == everything
    assert all(len(shard) == limit for shard in found[:-1]) and writer.tokens == len(everything)
    assert [info.tokens for info in writer.shards] == [token_count(path) for path in paths]


def test_sidecars_are_left_out(tmp_path):
    for name in ("fineweb_val_000001.bin", "fineweb_val_000000.bin", "fineweb_val_bytes_000000.bin"):
        write_shard(tmp_path / name, [1])
    assert [path.name for path in list_shards(tmp_path, "val")] == ["fineweb_val_000000.bin", "fineweb_val_000001.bin"]


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_truncated_shard_is_named_with_both_sizes(tmp_path, cut):
    path = tmp_path / write_shard(tmp_path / "a_val_0.bin", range(100)).file
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match=rf"100 tokens \(1,224 bytes\) but the file has 1,{224 - cut} bytes"):
        read_shard(path)


def test_other_damage(tmp_path):
    path = tmp_path / "a_val_0.bin"
    os.mkfifo(tmp_path / "pipe.bin")
    with pytest.raises(InputError, match=r"cannot read .*pipe\.bin: it is a pipe"):
        token_count(tmp_path / "pipe.bin")
    with pytest.raises(InputError, match="no such shard"):
        token_count(path)
    path.write_bytes(b"short")
    with pytest.raises(DataError, match="shorter than a shard's header"):
        token_count(path)
    path.write_bytes(bytes(2000))
    with pytest.raises(DataError, match="not a token shard"):
        token_count(path)
    header = np.zeros(256, "<i4")
    header[:3] = 20240520, 1, -1
    path.write_bytes(header.tobytes())
    with pytest.raises(DataError, match="promises -1 tokens"):
        token_count(path)


def test_ids_outside_the_vocabulary_are_found_with_their_place():
    ids_N = np.zeros(5_000_000, np.uint16)
    ids_N[4_500_000] = 777
    check_ids(ids_N, 778, "here")
    with pytest.raises(DataError, match=r"here: token 4,500,000 has id 777, not below the vocabulary's 777"):
        check_ids(ids_N, 777, "here")


def test_a_full_disk_is_a_storage_error():
    with pytest.raises(StorageError, match="cannot write|no room"), ShardWriter("/proc", "train") as writer:
        writer.write([1, 2])
    with pytest.raises(ValueError, match="16 bits"):
        write_shard("/nowhere", [70000])
