"""One mutated artifact: made from its number alone, read, reported, decoded; all but a named error is a finding."""

import contextlib
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.fuzz.bytewise import BYTEWISE
from benchmarks.fuzz.carcass import Carcass
from benchmarks.fuzz.structured import STRUCTURED
from golfctl.artifact import Limits, RuleError, ledger_of, read_artifact
from golfctl.errors import ArtifactError, DependencyError
from golfctl.inspection.report import build_report
from golfctl.inspection.verify import verify_payloads

LIMITS = Limits(raw_bytes=1 << 24, weights=1 << 22)
SLACK_BYTES = 256 * 1024 * 1024
MEMORY_BYTES = LIMITS.raw_bytes + 4 * LIMITS.weights + SLACK_BYTES
HANG_SECONDS = 5.0
_MISFITS = (KeyError, TypeError, IndexError, AttributeError, ValueError)


class Verdict(NamedTuple):
    """What became of a case; `fault` is empty where all is well. Seconds are of the processor: machines are shared."""

    outcome: str
    fault: str
    seconds: float
    grown_bytes: int


def mutant(number: int, seeds: Sequence[bytes]) -> bytes:
    """Case `number`: even ones are left as they fall, odd ones get fresh digests."""
    rng = random.Random(number)
    data = rng.choice(seeds)
    if number % 2 == 0:
        for _ in range(rng.randint(1, 3)):
            data = rng.choice(BYTEWISE)(rng, data)
        return data
    body = Carcass.of(data)
    body.manifest_coder = rng.choice([0, 1, 2])
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        with contextlib.suppress(*_MISFITS):  # an earlier mutation took away what this one works on
            rng.choice(STRUCTURED)(rng, body)
    try:
        return body.assemble()
    except _MISFITS:
        return rng.choice(BYTEWISE)(rng, data)


def judge(data: bytes) -> Verdict:
    """Read, report and decode `data` as `golfctl inspect --verify` does, under `LIMITS`."""
    base = _reset_peak()
    started = time.process_time()
    outcome, fault = _outcome(data)
    seconds = time.process_time() - started
    grown = max(0, _peak() - base)
    if not fault and seconds > HANG_SECONDS:
        fault = f"took {seconds:.1f} s"
    if not fault and grown > MEMORY_BYTES:
        fault = f"memory grew by {grown:,} bytes"
    return Verdict(outcome, fault, seconds, grown)


def _outcome(data: bytes) -> tuple[str, str]:
    try:
        artifact = read_artifact(data, LIMITS)
        build_report(artifact, ledger_of(artifact), None)
    except RuleError as error:
        return f"rule {error.rule}", "" if str(error).isprintable() else "a message that cannot be printed"
    except Exception as error:  # noqa: BLE001 - what the fuzzer looks for
        return "crash", f"reader: {type(error).__name__}: {error}"
    try:
        verify_payloads(artifact)
    except (ArtifactError, DependencyError) as error:
        return "refused in decoding", "" if str(error).isprintable() else "a message that cannot be printed"
    except Exception as error:  # noqa: BLE001 - what the fuzzer looks for
        return "crash", f"decoder: {type(error).__name__}: {error}"
    return "decoded", ""


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
