"""Atomic writes and bounded reads: a file is whole or it is not there."""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from golfctl.core.lfs import refuse_pointer
from golfctl.errors import InputError, StorageError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_IRREGULAR = {
    stat.S_IFDIR: os.strerror(errno.EISDIR),
    stat.S_IFIFO: "it is a pipe, which can be read only once; write what it brings to a file, and name that",
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFCHR: "it is a device, which has no end",
    stat.S_IFBLK: "it is a device, which has no end",
}
_unfinished: set[Path] = set()  # temporary files of writes under way in this process


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of a write to `path` into a `StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageError(
                f"no room left to write {path}; nothing was left behind: free space and retry"
            ) from error
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def check_kind(path: Path) -> None:
    """Raise StorageError where `path` is a folder or a device."""
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device or pipe"
        raise StorageError(f"cannot write {path}: it is {kind}; name a file")


@contextlib.contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary sibling of `path`; rename it over `path` only when the block ends without an error.

    Raises:
        StorageError: the disk is full or refuses the write, or `path` is a folder or a device (a rename would put a
            file in the device's place). The temporary file is removed in every case.
    """
    path = Path(path)
    check_kind(path)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    _unfinished.add(temporary)
    try:
        with storage_errors(path):
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


def discard_unfinished() -> None:
    """Remove the temporary files of all writes under way: for a process that ends without unwinding."""
    for temporary in list(_unfinished):
        temporary.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Write `data` to `path` so that a reader sees the old file or the whole new one."""
    with atomic_writer(path) as stream:
        stream.write(data)


@contextlib.contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of a read of `path` into an `InputError` that says why."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def check_regular(path: Path) -> os.stat_result:
    """What `stat` says of a file that has an end and can be read twice. Nothing else may be opened: opening a pipe
    waits for somebody to write to it.

    Raises:
        InputError: missing, or a folder, a pipe, a socket or a device.
    """
    with read_errors(path):
        found = path.stat()
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        raise InputError(f"cannot read {path}: {_IRREGULAR.get(kind, 'it is no file')}")
    return found


def read_bytes(path: Path, limit_bytes: int | None = None) -> bytes:
    """Read a whole file, refusing one larger than `limit_bytes`.

    Raises:
        InputError: the file is missing, unreadable, a folder, pipe or device, too large, or a git-LFS pointer.
    """
    path = Path(path)
    size = check_regular(path).st_size
    if limit_bytes is not None and size > limit_bytes:
        raise InputError(f"{path} has {size:,} bytes; at most {limit_bytes:,} are read here")
    with read_errors(path):
        data = path.read_bytes()
    refuse_pointer(data, str(path))
    return data
