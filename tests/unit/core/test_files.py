import errno
import os
from pathlib import Path

import pytest

from golfctl.core.files import atomic_write, atomic_writer, read_bytes
from golfctl.errors import InputError, StorageError


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
