"""Compiled functions, and where their machine code is kept: in the user's cache folder, or in memory alone.

numba would keep it beside the source, in an installation that must be removable and may be read-only. Here one folder
holds the code of one room in one version: `VERSION-DIGEST`, over the sources of the room and of the portable
arithmetic, because constants and functions of other files are compiled in, and numba looks at one file alone. The
folders used last stay, older ones go.
"""

import hashlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import golfctl
from golfctl.core.machine.caches import cache_folder
from golfctl.errors import InputError, StorageError

try:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Environment variable 'NUMBA")  # its settings, with a traceback
        import numba
        from numba.core.caching import FunctionCache
except RuntimeWarning as error:
    raise InputError(f"{str(error).splitlines()[0]} Unset it.") from error

_settings: Any = numba.config
KEPT = 20  # folders: four versions of five rooms
_ARITHMETIC = Path(golfctl.__file__).parent / "arithmetic" / "kernels"  # whose functions other rooms compile in


def compiled(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """`numba.njit(**options)`, kept on disk where that is possible; a decorator, with or without options."""
    if function is None:
        return lambda function: compiled(function, **options)
    dispatcher = numba.njit(**options)(function)
    folder = code_folder(Path(function.__code__.co_filename).parent)
    if folder is not None and hasattr(dispatcher, "enable_caching"):  # NUMBA_DISABLE_JIT gives the function itself
        kept = _kept(function, folder)
        if kept is not None:
            dispatcher._cache = kept
    return dispatcher


@cache
def code_folder(room: Path) -> Path | None:
    """Where the machine code of a room's functions is kept; None when nothing can be written there."""
    try:
        root = Path(_settings.CACHE_DIR, "golfctl") if _settings.CACHE_DIR else cache_folder() / "compiled"
        folder = root / f"{golfctl.__version__}-{_digest(room)}"
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, StorageError):
        return None
    for old in sorted(root.iterdir(), key=_used, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _digest(room: Path) -> str:
    """Of every source that is compiled in, and of the numba that compiles them."""
    digest = hashlib.sha256(f"{numba.__version__}\n".encode())
    for path in sorted({*room.glob("*.py"), *_ARITHMETIC.glob("*.py")}):
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


class _Kept(FunctionCache):
    """numba's cache of one function. What cannot be read or written costs the time to compile, and nothing else."""

    def load_overload(self, *arguments: Any) -> Any:
        try:
            return super().load_overload(*arguments)
        except Exception:  # noqa: BLE001 - a damaged file fails in any way
            return None

    def save_overload(self, *arguments: Any) -> None:
        with suppress(Exception):
            super().save_overload(*arguments)


def _kept(function: Callable[..., Any], folder: Path) -> _Kept | None:
    """The cache of a function below `folder`; None where numba is told to keep code elsewhere or nowhere."""
    before = _settings.CACHE_DIR
    _settings.CACHE_DIR = str(folder)
    try:
        kept = _Kept(function)
    except RuntimeError:
        return None
    finally:
        _settings.CACHE_DIR = before
    return kept if folder in Path(kept.cache_path).parents else None
