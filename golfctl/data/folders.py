"""A folder that appears whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from golfctl.core.files import storage_errors, writing
from golfctl.core.machine.places import check_place
from golfctl.errors import UsageError


def check_new(path: Path, replace: bool = False) -> None:
    """Raise UsageError when `path` is there, holds something, and `replace` is off; StorageError where none can be."""
    check_place(path)
    if not replace and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} exists already; choose another folder, or pass --replace")


@contextmanager
def new_folder(path: Path, replace: bool = False) -> Iterator[Path]:
    """A scratch sibling of `path` to fill; renamed to `path` when the block ends well, removed when it does not.

    Raises:
        UsageError: `path` is there, holds something, and `replace` is off, or another process is writing it.
        StorageError: the disk refuses.
    """
    path = Path(path)
    with writing(path):
        check_new(path, replace)
        with storage_errors(path):
            scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        try:
            yield scratch
            with storage_errors(path):
                scratch.chmod(0o755)
                _swap(scratch, path)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _swap(scratch: Path, path: Path) -> None:
    """Move `scratch` to `path`; what was there leaves only after the new one is in place."""
    if not path.exists():
        scratch.rename(path)
        return
    old = scratch.with_suffix(".old")
    path.rename(old)
    try:
        scratch.rename(path)
    except OSError:
        old.rename(path)
        raise
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink()
