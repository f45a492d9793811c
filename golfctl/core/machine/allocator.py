"""Memory that was freed stays with the process: what glibc hands back it must fault in again, page by page.

Training, evaluation and packing allocate the same large blocks over and over. glibc maps blocks above 32 MB afresh
each time and trims the heap's top, so a step of training can spend a tenth of its time in page faults. Two settings of
mallopt(3) end that; other C libraries have none and are left alone.
"""

import ctypes
import os
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt in glibc's malloc.h
_LARGEST = 2**31 - 1  # mallopt takes an int
_OWN_MAPPING = 2**30
_MEMORY_SHARE = 8


def keep_freed_memory() -> bool:
    """Let this process keep freed memory for its next allocation; returns whether that could be set.

    At most an eighth of the machine's memory, and never over 2 GiB, is kept at the top of the heap; blocks of 1 GiB and
    more are still given back at once. Results do not change. Call it once, at the start of a long command.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    kept = max(0, min(_LARGEST, memory // _MEMORY_SHARE))
    return bool(mallopt(_MMAP_THRESHOLD, min(_OWN_MAPPING, max(kept, 1)))) and bool(mallopt(_TRIM_THRESHOLD, kept))
