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

    @property
    def slow(self) -> bool:
        return self.seconds > HANG_SECONDS


def judge(target: Target, case: Any) -> Verdict:
    """Hand `case` to `target` under its limits. What seems slow is run again: a machine pauses, a hang repeats."""
    verdict = _judge(target, case)
    return _judge(target, case) if verdict.slow else verdict


def _judge(target: Target, case: Any) -> Verdict:
    base = _reset_peak()
    started = time.process_time()
    outcome, fault = target.outcome(case)
    verdict = Verdict(outcome, fault, time.process_time() - started, max(0, _peak() - base))
    if not fault and verdict.slow:
        return verdict._replace(fault=f"took {verdict.seconds:.1f} s")
    if not fault and verdict.grown_bytes > target.growth_bytes(case):
        return verdict._replace(fault=f"memory grew by {verdict.grown_bytes:,} bytes")
    return verdict


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
