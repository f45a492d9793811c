"""What the machine refuses: exceptions that no line of golfctl raised on purpose, and the sentence for each."""

import errno
import sys
from pathlib import Path

from golfctl.core.files import FULL
from golfctl.core.machine.libraries import explained
from golfctl.errors import GolfError, InputError, StorageError

_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")  # words of torch and of its back ends


def refusal(error: Exception) -> GolfError | None:
    """`error` as one of our own; None where it is a bug."""
    if isinstance(error, ImportError):
        return explained(error)
    if isinstance(error, OSError):
        return _of_the_system(error)
    if isinstance(error, UnicodeEncodeError) and error.encoding == sys.getfilesystemencoding():
        letters = ascii(error.object[error.start : error.end])
        return InputError(f"names of files have no {letters} in this locale ({error.encoding}): set LANG=C.UTF-8")
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # Path.resolve
        return InputError(f"cannot use a path: {error}")
    short_of_memory = isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY)
    if short_of_memory or isinstance(error, MemoryError):
        return InputError("the memory of this machine does not suffice for that: take something smaller")
    return None


def _of_the_system(error: OSError) -> GolfError:
    if _folder_is_gone():
        return InputError("the folder in which golfctl was started is not there any more: change to one that is")
    reason = error.strerror or str(error)
    if error.filename is not None:
        return InputError(f"cannot use {error.filename}: {reason}")
    if error.errno in FULL:
        return StorageError("no room left where standard output goes: free space and retry")
    if error.errno == errno.EMFILE:
        return StorageError("too many files are open: raise the limit (`ulimit -n`) and retry")
    return StorageError(f"the system refuses: {reason}")


def _folder_is_gone() -> bool:
    try:
        Path.cwd()
    except OSError:
        return True
    return False
