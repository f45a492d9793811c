"""Lint one record folder: a finding for each lint, none of which can crash on what a stranger wrote."""

from collections.abc import Sequence
from pathlib import Path

from golfctl.auditing.finding import Finding, finite
from golfctl.auditing.plan import Plan
from golfctl.auditing.report import AuditReport, check_ids
from golfctl.auditing.rules import Rules, check_rules_complete
from golfctl.core.text import one_line
from golfctl.submission.base import Lint
from golfctl.submission.folder import RecordFolder
from golfctl.submission.table import LINTS


def check_submission(path: Path, rules: Rules, required: Sequence[str] = ()) -> AuditReport:
    """All lints over a record folder.

    Raises:
        InputError: no such folder. UsageError: `required` names an unknown lint.
    """
    required = check_ids(required, list(LINTS))
    check_rules_complete(rules, tuple(LINTS[name].rule for name in LINTS))
    folder = RecordFolder(path)
    findings = tuple(_finding(LINTS[name], folder, rules) for name in LINTS)
    facts = {
        "name": one_line(folder.path.resolve().name),
        "files": len(folder.files),
        "bytes": sum(folder.sizes.values()),
    }
    return AuditReport(subject=facts, rules=rules.identity, plan=Plan(), level=0, findings=findings, required=required)


def _finding(lint: Lint, folder: RecordFolder, rules: Rules) -> Finding:
    rule, outcome = rules.rule(lint.rule), lint.run(folder, rules)
    return Finding(
        id=lint.id,
        title=lint.title,
        level=0,
        verdict=outcome.verdict,
        statistic=outcome.statistic,
        value=finite(outcome.value),
        threshold=finite(outcome.threshold),
        detail=one_line(outcome.detail),
        rests_on=rule.layer,
        rule=rule.id,
        limits=lint.limits,
    )
