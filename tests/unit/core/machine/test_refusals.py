"""What the machine refuses is a sentence; what golfctl does wrong stays a bug."""

import errno
import os

import pytest

from golfctl.core.machine.refusals import refusal
from golfctl.errors import InputError, StorageError


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OSError(errno.EACCES, "Permission denied", "x"), InputError, "cannot use x: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), StorageError, "standard output"),
        (OSError(errno.EMFILE, "Too many open files"), StorageError, "ulimit -n"),
        (OSError(errno.EIO, "Input/output error"), StorageError, "Input/output error"),
        (MemoryError(), InputError, "memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: …"), InputError, "memory"),
        (RuntimeError("Symlink loop from '/x'"), InputError, "Symlink loop"),
    ],
)
def test_refusals(error, kind, words):
    found = refusal(error)
    assert type(found) is kind and words in str(found)


def test_a_folder_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    os.chdir("gone")
    (tmp_path / "gone").rmdir()
    assert "not there any more" in str(refusal(FileNotFoundError(errno.ENOENT, "No such file or directory")))


def test_a_name_that_the_locale_lacks(monkeypatch):
    error = UnicodeEncodeError("ascii", "d\xe9", 1, 2, "ordinal not in range(128)")
    assert refusal(error) is None
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "ascii")
    assert "LANG=C.UTF-8" in str(refusal(error))


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("shapes"), RecursionError(), AssertionError()])
def test_bugs(error):
    assert refusal(error) is None
