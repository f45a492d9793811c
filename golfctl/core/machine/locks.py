"""Locks that end with the process: whoever writes something holds the lock file that belongs to it.

The kernel keeps the lock (`flock`) and lets go of it when the process ends, however it ends. The lock file says who
holds it, for the message that the second comer gets, and is removed at the end; one that is left by a killed process
locks nobody out. A file system without locks (some network ones) holds nobody back: `Lock.kept` says which it was.
"""

import atexit
import contextlib
import errno
import fcntl
import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from golfctl.errors import UsageError

GLANCE_SECONDS = 0.3  # longer than another process takes to look who holds a lock, or to let go of it
_PAUSE_SECONDS = 0.005
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}
_MOST_BYTES, _MOST_CHARACTERS = 4096, 200
_ours: dict[Path, "Lock"] = {}


class Holder(NamedTuple):
    """Who holds a lock: its process, what was typed, Unix seconds, the machine."""

    pid: int
    command: str
    since: float
    host: str

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.since))
        where = "" if self.host == os.uname().nodename else f" on {self.host}"
        return f"pid {self.pid}{where}: {self.command}, since {since}"


class Lock:
    """A held lock file. `kept`: whether the kernel keeps others away, or this file system has no locks."""

    def __init__(self, path: Path, handle: int, kept: bool) -> None:
        self.path, self.kept, self.thread, self._handle = path, kept, threading.get_ident(), handle
        self.tidies: list[Path] = []  # folders to remove where they are empty at the end
        _ours[path] = self
        with contextlib.suppress(OSError):  # a full disk: the second comer gets no name
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(_this_process()._asdict()).encode() + b"\n", 0)

    @property
    def gone(self) -> bool:
        """Whether the folder of the lock file was removed or moved away, or somebody began anew in its place."""
        return not self.path.parent.exists() or (self.path.exists() and not _names(self.path, self._handle))

    def release(self) -> None:
        """Remove the lock file while it is still held, then let go."""
        if _ours.pop(self.path, None) is None:
            return
        with contextlib.suppress(OSError):
            if _names(self.path, self._handle):
                self.path.unlink()
        self.forget()
        _remove_empty(self.tidies)

    def forget(self) -> None:
        """Close the lock file and no more."""
        with contextlib.suppress(OSError):
            os.close(self._handle)


@contextlib.contextmanager
def held(
    path: Path,
    subject: Path,
    doing: str = "written",
    wait_seconds: float = GLANCE_SECONDS,
    on_wait: Callable[[], None] = lambda: None,
    tidy: bool = False,
) -> Iterator[Lock]:
    """Hold the lock file `path` for the block; folders that it needs are made.

    Args:
        subject, doing: what the lock stands for, and what its holder does with it.
        wait_seconds: how long to wait for another holder; `on_wait` is called once when there is one.
        tidy: whether folders that were made go again when they stay empty.

    Raises:
        UsageError: somebody else holds it, also elsewhere in this process; the message names the holder.
        OSError: the lock file cannot be made.
    """
    made: list[Path] = []
    until, waiting = time.monotonic() + wait_seconds, False
    try:
        while (lock := _try(path, made)) is None:
            if time.monotonic() > until:
                raise UsageError(in_use(subject, doing, holder(path)))
            if not waiting:
                waiting = True
                on_wait()
            time.sleep(_PAUSE_SECONDS)
    except BaseException:
        _remove_empty(made)
        raise
    lock.tidies = made if tidy else []
    try:
        yield lock
    finally:
        lock.release()


def in_use(subject: Path, doing: str, other: Holder | None) -> str:
    """What the second comer is told."""
    who = f" ({other})" if other and other.pid else ""
    return f"{subject} is being {doing} by another process{who}: wait for it or stop it, or write to another place"


def holder(path: Path) -> Holder | None:
    """Who holds the lock file `path` right now, nobody (None) or somebody unknown (pid 0). Writes nothing."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(handle)
    except OSError:
        return None
    finally:
        os.close(handle)
    return None


def is_ours(path: Path) -> bool:
    """Whether this thread holds the lock file `path`."""
    return path in _ours and _ours[path].thread == threading.get_ident()


def release_all() -> None:
    """Let go of everything: for a process that ends without unwinding."""
    for lock in list(_ours.values()):
        lock.release()


def _try(path: Path, made: list[Path]) -> Lock | None:
    """The lock, unless another holds it or its file was removed while we took it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except FileNotFoundError:  # no folder yet, or it went with its last lock
        made[:] = _make_folders(path.parent)
        return None
    kept = True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            os.close(handle)
            if isinstance(error, BlockingIOError):
                return None
            raise
        kept = False
    if not _names(path, handle):
        os.close(handle)
        return None
    return Lock(path, handle, kept)


def _names(path: Path, handle: int) -> bool:
    """Whether `path` is the open file, and no later one of that name."""
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(handle))
    except OSError:
        return False


def _make_folders(folder: Path) -> list[Path]:
    """Make `folder` with its parents; the new ones, innermost first."""
    made: list[Path] = []
    for missing in (folder, *folder.parents):
        if missing.exists():
            break
        made.append(missing)
    folder.mkdir(parents=True, exist_ok=True)
    return made


def _remove_empty(folders: list[Path]) -> None:
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _this_process() -> Holder:
    words = ["golfctl", *sys.argv[1:]] if "golfctl" in sys.argv[0] else sys.argv
    return Holder(os.getpid(), shlex.join(words)[:_MOST_CHARACTERS], round(time.time(), 3), os.uname().nodename)


def _read(handle: int) -> Holder:
    """What a lock file says of its holder; it may be empty yet, and anybody may have written it."""
    try:
        said = json.loads(os.pread(handle, _MOST_BYTES, 0))
        pid, since = int(said["pid"]), min(max(float(said["since"]), 0.0), 1e11)
        return Holder(pid, str(said["command"])[:_MOST_CHARACTERS], since, str(said["host"])[:_MOST_CHARACTERS])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return Holder(0, "", 0.0, "")


def _leave_to_parent() -> None:
    """A forked child holds nothing: closing its copies leaves the lock with the parent alone."""
    for lock in _ours.values():
        lock.forget()
    _ours.clear()


atexit.register(release_all)
os.register_at_fork(after_in_child=_leave_to_parent)
