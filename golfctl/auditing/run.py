"""Run the checks on a subject and collect findings; failures leave their reproducer in a folder."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Finding, Outcome, Verdict, finite
from golfctl.auditing.report import AuditReport, check_ids
from golfctl.auditing.rules import check_rules_complete
from golfctl.auditing.subject import AuditContext, Subject
from golfctl.auditing.table import CHECKS
from golfctl.core.canonical import canonical_json
from golfctl.core.files import atomic_write
from golfctl.core.machine.environment import describe_environment
from golfctl.core.text import one_line
from golfctl.errors import UsageError


def run_audit(
    subject: Subject,
    context: AuditContext,
    required: Sequence[str] = (),
    only: Sequence[str] = (),
    evidence_dir: Path | None = None,
) -> AuditReport:
    """Run the checks (`only` those, or all; T0 always, it sets the noise floor) in the order of the table.

    Raises:
        UsageError: `required` or `only` names an unknown check, or a required one is left out.
        ConfigError: the rules file lacks a rule on which a check rests.
    """
    started = time.monotonic()
    required = check_ids(required, list(CHECKS))
    chosen = {*check_ids(only, list(CHECKS)), "T0"} if only else set(CHECKS)
    left_out = [name for name in required if name not in chosen]
    if left_out:
        raise UsageError(f"{left_out[0]} is required, but not among the checks to be run: drop one of the two")
    check_rules_complete(context.rules, tuple(CHECKS[name].rule for name in CHECKS if name in chosen))
    if subject.ahead is not None:
        subject.ahead.begin(chosen)
    findings = []
    with context.progress.task("audit", len(chosen), "checks") as task:
        for name in CHECKS:
            if name in chosen:
                task.advance(0, check=f"{name} {CHECKS[name].title}")
                findings.append(run_check(CHECKS[name], subject, context, evidence_dir))
                task.advance()
    return AuditReport(
        subject={"name": subject.name, **subject.facts},
        rules=context.rules.identity,
        plan=context.plan,
        level=max((f.level for f in findings if f.verdict is not Verdict.NOT_COVERED), default=0),
        findings=tuple(findings),
        required=required,
        environment=describe_environment(),
        seconds=round(time.monotonic() - started, 3),
    )


def run_check(check: Check, subject: Subject, context: AuditContext, evidence_dir: Path | None = None) -> Finding:
    """One check as a finding, with what it rests on taken from the rules file.

    A foreign ledger may hold any number; what comes of infinite ones is judged, and numpy need not warn of it.
    """
    rule = context.rules.rule(check.rule)
    with np.errstate(all="ignore"):
        outcome = check.run(subject, context)
    reproducer = None
    if outcome.evidence is not None and outcome.verdict is Verdict.FAIL and evidence_dir is not None:
        reproducer = one_line(str(write_evidence(evidence_dir / check.id, outcome.evidence, check, context)))
    return _finding(check, outcome, rule.layer, rule.id, reproducer)


def _finding(check: Check, outcome: Outcome, layer: str, rule: str, reproducer: str | None) -> Finding:
    return Finding.model_validate(
        {
            "id": check.id,
            "title": check.title,
            "level": check.level,
            "verdict": outcome.verdict,
            "statistic": outcome.statistic,
            "value": finite(outcome.value),
            "threshold": finite(outcome.threshold),
            "noise_floor": finite(outcome.noise_floor),
            "detail": one_line(outcome.detail),
            "rests_on": layer,
            "rule": rule,
            "limits": check.limits,
            "meaning": check.fails if outcome.verdict is Verdict.FAIL else "",
            "reproducer": reproducer,
        }
    )


def write_evidence(folder: Path, evidence: Evidence, check: Check, context: AuditContext) -> Path:
    """Write the token files (little-endian uint16) and `reproducer.json`; returns the folder."""
    names = {}
    for name, tokens_N in evidence.texts.items():
        names[name] = f"{name}.bin"
        atomic_write(folder / names[name], np.ascontiguousarray(tokens_N, "<u2").tobytes())
    shown = {key: _strict(value) for key, value in evidence.facts.items()}
    facts = {"check": check.id, "seed": context.plan.seed, "texts": names, **shown}
    atomic_write(folder / "reproducer.json", canonical_json(facts) + b"\n")
    return folder


def _strict(value: Any) -> Any:
    """`value` with numbers that JSON lacks as text."""
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return repr(value) if isinstance(value, float) and not np.isfinite(value) else value
