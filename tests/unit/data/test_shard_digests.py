"""Digests that are remembered for a file that kept inode, size and time, and for no other."""

import hashlib
import os
import time

import pytest

from golfctl.data import shard_digests
from golfctl.data.shard_digests import computed_sha256, remembered_sha256
from golfctl.errors import InputError


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def shard(tmp_path, monkeypatch):
    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "shard.bin"
    write(path, b"first")
    return path


def write(path, data, age_seconds=60.0, over=False):
    """`over`: into the file as it stands, else a new one in its place."""
    if not over:
        path.unlink(missing_ok=True)
    path.write_bytes(data)
    then = time.time() - age_seconds
    os.utime(path, (then, then))


@pytest.fixture
def read(monkeypatch):
    """The files that were read for their digest."""
    found = []

    def counted(path):
        found.append(path.name)
        return digest(path.read_bytes())

    monkeypatch.setattr(shard_digests, "sha256_file", counted)
    return found


def test_a_file_is_read_once_and_again_when_it_changed(shard, read):
    assert [remembered_sha256(shard) for _ in range(3)] == [digest(b"first")] * 3 and len(read) == 1
    write(shard, b"other", 50.0, over=True)  # another time
    assert remembered_sha256(shard) == digest(b"other") and len(read) == 2
    stamp = shard.stat()
    shard.write_bytes(b"longer")
    os.utime(shard, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # another size
    assert remembered_sha256(shard) == digest(b"longer") and len(read) == 3
    copy = shard.with_name("copy")
    copy.write_bytes(b"LONGER")
    os.utime(copy, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    copy.replace(shard)  # another inode
    assert remembered_sha256(shard) == digest(b"LONGER") and len(read) == 4


def test_an_evaluation_is_not_misled_by_a_time_set_back(shard):
    remembered_sha256(shard)
    stamp = shard.stat()
    shard.write_bytes(b"FIRST")
    os.utime(shard, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert remembered_sha256(shard) == digest(b"first")  # the price of remembering
    assert computed_sha256(shard) == digest(b"FIRST") == remembered_sha256(shard)


def test_a_young_file_is_not_remembered(shard, read):
    write(shard, b"young", 0.0)
    remembered_sha256(shard)
    remembered_sha256(shard)
    assert len(read) == 2


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"f" * 63, b"f" * 65])
def test_a_damaged_note_is_not_believed(shard, tmp_path, content):
    remembered_sha256(shard)
    (note,) = (tmp_path / "cache" / "digests").iterdir()
    note.write_bytes(content)
    assert remembered_sha256(shard) == digest(b"first")


def test_without_a_cache_folder_digests_are_computed(shard, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path / "file"))
    assert remembered_sha256(shard) == digest(b"first")
    for name in ("GOLFCTL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert remembered_sha256(shard) == digest(b"first")


def test_pipes_are_refused_unopened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for compute in (remembered_sha256, computed_sha256):
        with pytest.raises(InputError, match="it is a pipe"):
            compute(tmp_path / "pipe")
