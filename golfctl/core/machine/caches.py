"""Where golfctl keeps what it can make again: the user's cache folder, never its own installation."""

import os
import sys
from pathlib import Path

from golfctl.errors import StorageError


def cache_folder() -> Path:
    """`$GOLFCTL_CACHE`; else `golfctl` in `$XDG_CACHE_HOME`, `~/Library/Caches` (macOS) or `~/.cache`.

    Raises:
        StorageError: none of these is set and the user has no home.
    """
    if own := os.environ.get("GOLFCTL_CACHE"):
        return Path(own).absolute()
    shared = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(shared):  # the specification has others ignored  # noqa: PTH117
        return Path(shared, "golfctl")
    try:
        home = Path.home()
    except RuntimeError as error:
        raise StorageError("no folder for caches: HOME is not set; set GOLFCTL_CACHE to a folder") from error
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "golfctl"
