"""The artifact reader as a target: mutated artifacts are read, reported and decoded as `inspect --verify` does."""

import contextlib
import random
from collections.abc import Sequence
from typing import Any

from benchmarks.fuzz.artifact_mutations import STRUCTURED
from benchmarks.fuzz.artifact_seeds import seed_artifacts
from benchmarks.fuzz.bytewise import BYTEWISE
from benchmarks.fuzz.carcass import Carcass
from golfctl.artifact import Limits, RuleError, ledger_of, read_artifact
from golfctl.core.decoding_rules import DecodingError
from golfctl.inspection.report import build_report
from golfctl.inspection.verify import verify_payloads

LIMITS = Limits(raw_bytes=1 << 24, weights=1 << 22)
SLACK_BYTES = 256 * 1024 * 1024
_MISFITS = (KeyError, TypeError, IndexError, AttributeError, ValueError)

seeds = seed_artifacts


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


def growth_bytes(case: bytes) -> int:
    return LIMITS.raw_bytes + 4 * LIMITS.weights + SLACK_BYTES


def allowed() -> dict[str, Any]:
    return {
        "cases": "even numbers as they fall, odd ones re-sealed",
        "growth_bytes": growth_bytes(b""),
        "limits": LIMITS._asdict(),
    }


def outcome(case: bytes) -> tuple[str, str]:
    try:
        artifact = read_artifact(case, LIMITS)
        build_report(artifact, ledger_of(artifact), None)
    except RuleError as error:
        return f"rule {error.rule}", "" if str(error).isprintable() else "a message that cannot be printed"
    except Exception as error:  # noqa: BLE001 - what the fuzzer looks for
        return "crash", f"reader: {type(error).__name__}: {error}"
    try:
        verify_payloads(artifact)
    except DecodingError as error:
        return f"decoding {error.rule}", "" if str(error).isprintable() else "a message that cannot be printed"
    except Exception as error:  # noqa: BLE001 - what the fuzzer looks for
        return "crash", f"decoder: {type(error).__name__}: {error}"
    return "decoded", ""
