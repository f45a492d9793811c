"""Atomic writes and bounded reads: a file is whole or it is not there, and one process at a time writes it.

An output, file or folder, is locked by `.NAME.lock` beside it, which goes when it is written. Whoever holds that lock
is alone, so what lies about under the temporary names of this output is a killed process's and is cleared away.
"""

import contextlib
import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from golfctl.core.lfs import refuse_pointer
from golfctl.core.machine.locks import GLANCE_SECONDS, held, is_ours, release_all
from golfctl.errors import InputError, StorageError

_SHORT_WRITE_SECONDS = 10.0  # how long a write waits for another of the same file
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
def storage_errors(path: Path, left: str = "") -> Iterator[None]:
    """Turn an `OSError` of a write to `path` into a `StorageError` that says what to do, and what was `left` there."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error, left) from error


def storage_error(path: Path, error: OSError, left: str = "") -> StorageError:
    """What is said of a write to `path` that failed; `left` says what it left behind, where that is known."""
    rest = f"; {left}" if left else ""
    if error.errno in FULL:
        return StorageError(f"no room left to write {path}{rest}: free space and retry")
    return StorageError(f"cannot write {path}: {error.strerror or error}{rest}")


@contextlib.contextmanager
def writing(
    path: Path, wait_seconds: float = GLANCE_SECONDS, on_wait: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the output `path` for the block, unless we do already, and clear away what killed ones left.

    `wait_seconds`: how long another writer is waited for; `on_wait` is called once when there is one.

    Raises:
        UsageError: another process writes it; the message names it. StorageError: nothing can be written there.
    """
    lock = lock_beside(path)
    if is_ours(lock):
        yield
        return
    with contextlib.ExitStack() as stack:
        with storage_errors(path):
            if stack.enter_context(held(lock, path, "written", wait_seconds, on_wait)).kept:
                _clear_leftovers(path)
        yield


def lock_beside(path: Path) -> Path:
    """The lock file of the output `path`.

    Raises:
        StorageError: the folder that we are in is gone.
    """
    with storage_errors(path):
        path = path.parent.resolve() / path.name if path.name not in ("", "..") else path.resolve()
    return path.parent / f".{path.name}.lock"


def _clear_leftovers(path: Path) -> None:
    """Remove what killed writers of `path` had under way; a folder that was moved aside and not replaced comes back."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.(tmp|old)")
    for leftover in path.parent.iterdir():
        if not (found := ours.fullmatch(leftover.name)):
            continue
        if found.group(1) == "old" and not path.exists():
            leftover.rename(path)
        elif leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)


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
        UsageError: another process is writing it.
    """
    path = Path(path)
    with storage_errors(path):
        check_kind(path)
    with writing(path, _SHORT_WRITE_SECONDS):
        with storage_errors(path):
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        _unfinished.add(temporary)
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except OSError as error:
            raise storage_error(path, error, _removed(temporary)) from error
        finally:
            _removed(temporary)
            _unfinished.discard(temporary)


def _removed(temporary: Path) -> str:
    """Remove a temporary file; says what is left behind now."""
    try:
        temporary.unlink(missing_ok=True)
    except OSError:
        return f"{temporary} was left behind"
    return "nothing was left behind"


def discard_unfinished() -> None:
    """Remove the temporary files and locks of all writes under way: for a process that ends without unwinding."""
    for temporary in list(_unfinished):
        _removed(temporary)
    release_all()


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
