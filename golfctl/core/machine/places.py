"""Where files may be: whether a place takes an output, asked before the work, and names for libraries."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from golfctl.core.files import check_kind
from golfctl.errors import StorageError


def check_place(path: Path) -> None:
    """Refuse early, before any work, a file or folder `path` that could not be made after it; makes nothing.

    Raises:
        StorageError: what is there of its folder is no folder, or takes nothing.
    """
    folder = next(above for above in Path(path).absolute().parents if os.path.lexists(above))
    if not folder.is_dir():
        raise StorageError(f"cannot write {path}: {folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StorageError(f"cannot write {path}: {folder} takes no new files (read-only, or another user's)")


def check_output(path: Path) -> None:
    """Refuse early a file that could not be written after the work, or that is no file; makes nothing.

    Raises:
        StorageError: as `check_place`, or `path` is a folder or a device.
    """
    check_kind(path)
    check_place(path)


@contextlib.contextmanager
def opened_by_library(path: Path) -> Iterator[str]:
    """For the block, a name under which a library that takes UTF-8 alone opens `path`, whatever its own name is.

    Raises:
        OSError: the file cannot be opened.
    """
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        with Path(path).open("rb") as stream:
            yield f"/dev/fd/{stream.fileno()}"
    else:
        yield str(path)
