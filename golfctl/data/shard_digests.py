"""SHA-256 of shards, remembered where a file has kept its device, inode, size and time of change.

Shards have gigabytes, and every training asks for their digests. What is remembered stands in golfctl's cache folder,
one small file a shard. An evaluation computes digests anew: a time of change can be set back.
"""

import contextlib
import os
import re
import time
from pathlib import Path

from golfctl.core.canonical import sha256_file
from golfctl.core.files import atomic_write, check_regular
from golfctl.core.machine.caches import cache_folder
from golfctl.errors import StorageError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SETTLED_SECONDS = 2.0  # some file systems count time so coarsely: a younger file could change and look the same


def remembered_sha256(path: Path) -> str:
    """The digest of a shard, computed when it is not remembered.

    Raises:
        InputError: missing, unreadable, or no regular file.
    """
    note = _note(check_regular(path))
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if note is not None and _DIGEST.fullmatch(known := note.read_text("ascii")):
            return known
    return computed_sha256(path)


def computed_sha256(path: Path) -> str:
    """The digest of a shard, computed now and remembered; a cache folder that cannot be written is done without.

    Raises:
        InputError: missing, unreadable, or no regular file.
    """
    before = check_regular(path)
    digest = sha256_file(path)
    note = _note(before)
    settled = time.time() - before.st_mtime > _SETTLED_SECONDS
    if note is not None and settled and _note(check_regular(path)) == note:
        with contextlib.suppress(StorageError):
            atomic_write(note, digest.encode("ascii"))
    return digest


def _note(found: os.stat_result) -> Path | None:
    """Where the digest of the file that `found` describes is remembered; None without a cache folder."""
    try:
        folder = cache_folder() / "digests"
    except StorageError:
        return None
    return folder / f"{found.st_dev}-{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"
