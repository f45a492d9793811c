import errno
import fcntl
import os
from pathlib import Path

import pytest

from golfctl.core.files import atomic_write, atomic_writer, read_bytes, writing
from golfctl.errors import InputError, StorageError, UsageError
from tests.holding import holding


def test_write_replaces_whole_files_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "deep" / "f"
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["f"]


@pytest.mark.parametrize("failure", [RuntimeError("boom"), KeyboardInterrupt()])
def test_a_failed_write_keeps_the_old_file_and_removes_the_new(tmp_path, failure):
    path = tmp_path / "f"
    atomic_write(path, b"old")
    with pytest.raises(type(failure)), atomic_writer(path) as stream:
        stream.write(b"half")
        raise failure
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["f"]


def test_a_full_disk_is_a_storage_error(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="no room left to write .*f; nothing was left behind: free space"):
        atomic_write(tmp_path / "f", b"data")
    assert os.listdir(tmp_path) == []


def test_a_device_or_folder_is_never_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StorageError, match="pipe: it is a device or pipe; name a file"):
        atomic_write(pipe, b"data")
    assert pipe.is_fifo()
    with pytest.raises(StorageError, match="it is a folder; name a file"):
        atomic_write(tmp_path, b"data")
    assert os.listdir(tmp_path) == ["pipe"]


def test_reading_names_what_is_wrong(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_bytes(tmp_path / "absent")
    with pytest.raises(InputError, match="cannot read"):
        read_bytes(tmp_path)
    with pytest.raises(InputError, match="/dev/zero: it is a device, which has no end"):
        read_bytes(Path("/dev/zero"), 100)
    (tmp_path / "big").write_bytes(b"12345")
    with pytest.raises(InputError, match="has 5 bytes; at most 4"):
        read_bytes(tmp_path / "big", 4)


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path):
    path = tmp_path / "f"
    others = {".f.tmp", ".f.other.abcdefgh.tmp", ".g.abcdefgh.tmp", ".f.abcdefgh.tmp.txt"}
    for name in others:
        (tmp_path / name).write_bytes(b"another's")
    with holding("write", path) as writer:
        left = {found.name for found in tmp_path.iterdir()} - others
        (tmp_path / ".f.12345678.tmp").mkdir()
        assert len(left) == 2 and ".f.lock" in left and not path.exists()
        writer.kill()
    atomic_write(path, b"whole")
    assert {found.name for found in tmp_path.iterdir()} == {"f", *others} and path.read_bytes() == b"whole"


def test_a_living_writers_temporary_file_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("golfctl.core.files._SHORT_WRITE_SECONDS", 0.0)
    with holding("write", tmp_path / "f") as other:
        before = set(tmp_path.iterdir())
        with pytest.raises(UsageError, match=f"f is being written by another process .pid {other.pid}"):
            atomic_write(tmp_path / "f", b"mine")
        assert set(tmp_path.iterdir()) == before


def test_without_locks_nothing_is_taken_for_left_over(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, "no locks here")

    (tmp_path / ".f.12345678.tmp").write_bytes(b"perhaps somebody's")
    monkeypatch.setattr(fcntl, "flock", none)
    atomic_write(tmp_path / "f", b"whole")
    assert sorted(os.listdir(tmp_path)) == [".f.12345678.tmp", "f"]


def test_a_folder_that_was_moved_aside_and_not_replaced_comes_back(tmp_path):
    (tmp_path / ".d.12345678.old").mkdir()
    (tmp_path / ".d.12345678.old" / "shard").write_bytes(b"data")
    with writing(tmp_path / "d"):
        assert (tmp_path / "d" / "shard").read_bytes() == b"data"
    (tmp_path / ".d.87654321.old").mkdir()
    with writing(tmp_path / "d"):
        assert sorted(os.listdir(tmp_path)) == [".d.lock", "d"]


def test_what_was_left_behind_is_said(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def stuck(self, missing_ok=False):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(Path, "unlink", stuck)
    with pytest.raises(
        StorageError, match=r"no room left to write .*f; .*\.f\.[a-z0-9_]{8}\.tmp was left behind: free"
    ):
        atomic_write(tmp_path / "f", b"data")


def test_a_write_in_a_folder_that_is_gone_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    with pytest.raises(StorageError, match="cannot write f: No such file"):
        atomic_write(Path("f"), b"data")
