"""One case, timed and measured; all but a named error or a clean result is a finding."""

import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.fuzz.target import Target

HANG_SECONDS = 5.0


class Verdict(NamedTuple):
    """What became of a case; `fault` is empty where all is well. Seconds are of the processor: machines are shared."""

    outcome: str
    fault: str
    seconds: float
    grown_bytes: int


def judge(target: Target, case: Any) -> Verdict:
    """Hand `case` to `target` under its limits."""
    base = _reset_peak()
    started = time.process_time()
    outcome, fault = target.outcome(case)
    seconds = time.process_time() - started
    grown = max(0, _peak() - base)
    if not fault and seconds > HANG_SECONDS:
        fault = f"took {seconds:.1f} s"
    if not fault and grown > target.growth_bytes(case):
        fault = f"memory grew by {grown:,} bytes"
    return Verdict(outcome, fault, seconds, grown)


def _reset_peak() -> int:
    """Start a new memory peak (Linux), return the resident bytes now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0
