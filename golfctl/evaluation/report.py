"""The eval report: what was measured, how, with what, and whether it is honest."""

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import golfctl
from golfctl.core.canonical import sha256_file, sha256_json
from golfctl.core.machine.environment import describe_environment
from golfctl.evaluation.figures.bpb import Score
from golfctl.evaluation.ledger import Ledger, ReplayLedger
from golfctl.evaluation.timing.clock import Clock
from golfctl.scoring.config import EvalConfig

SCHEMA = "eval-report/1"
PROPERTIES = ("causal", "normalised", "score_first", "single_pass", "bytes")


def honest(properties: dict[str, dict[str, Any]], can_be_honest: bool) -> bool | None:
    """True when all of them hold, false when one does not or the ledger rules it out, null when one is unknown."""
    verdicts = [found["verdict"] for found in properties.values()]
    if not can_be_honest or False in verdicts:
        return False
    return None if None in verdicts else True


def build_report(
    score: Score,
    properties: dict[str, dict[str, Any]],
    ledger: Ledger | ReplayLedger,
    config: EvalConfig,
    clock: Clock,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """The report as plain JSON values; `facts` are merged in (digests, source, documents, …)."""
    return {
        "schema": SCHEMA,
        **asdict(score),
        "seconds": clock.report(),
        "honest": honest(properties, ledger.can_be_honest),
        "properties": {name: properties[name] for name in PROPERTIES},
        "reasons": list(ledger.reasons),
        "config": config.to_dict(),
        "code_sha256": code_sha256(),
        "environment": describe_environment(),
        **facts,
    }


@cache
def code_sha256() -> str:
    """Digest of this package's own source files: equal code, equal digest."""
    root = Path(golfctl.__file__).parent
    return sha256_json({str(path.relative_to(root)): sha256_file(path) for path in sorted(root.rglob("*.py"))})
