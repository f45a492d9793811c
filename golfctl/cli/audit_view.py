"""An audit as a table that fits one screen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from golfctl.cli.render import table

if TYPE_CHECKING:
    from golfctl.auditing.finding import Finding
    from golfctl.auditing.report import AuditReport
    from golfctl.auditing.self_test import ToyResult

_WIDTH = 120


def audit_text(report: "AuditReport", limits: bool = False) -> str:
    """The table, what failed with its reproducer, and a closing line that clears nobody."""
    header, *lines = table(
        ("check", "verdict", "measured", "threshold", "rests on"), [_row(finding) for finding in report.findings]
    ).split("\n")
    width = max(len(line) for line in (header, *lines)) + 2
    details = ["-" * 6, *(finding.detail or finding.statistic for finding in report.findings)]
    parts = [f"{header:<{width}}detail"]
    parts += [_clip(f"{line:<{width}}{detail}") for line, detail in zip(lines, details, strict=True)]
    parts += [f"{f.id}: reproducer in {f.reproducer}" for f in report.findings if f.reproducer]
    if limits:
        parts.append("What each check cannot see:")
        parts += [f"  {f.id:<7} {f.limits}" for f in report.findings]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.counts().items())
    parts.append(
        f"{counts}; level {report.level}, rules {report.rules}, seed {report.plan.seed}, {report.seconds:.1f} s. "
        "Checks sample: a pass is no clearance."
    )
    return "\n".join(parts)


def _row(finding: "Finding") -> tuple[str, ...]:
    return (
        f"{finding.id} {finding.title}",
        finding.verdict.value.upper() if finding.verdict.value == "fail" else finding.verdict.value,
        _number(finding.value),
        _number(finding.threshold),
        f"{finding.rests_on} {finding.rule}",
    )


def _clip(line: str) -> str:
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return (
        f"{value:,.0f}"
        if value == int(value) and abs(value) < 1e15
        else f"{value:.4g}"
        if abs(value) >= 0.1
        else f"{value:.2g}"
    )


def self_test_text(results: Sequence["ToyResult"]) -> str:
    """One line a toy scorer: what failed it, and whether that was to be expected."""
    rows = []
    for result in results:
        failed = [f.id for f in result.findings if f.verdict.value == "fail"]
        warned = [f"{f.id} warns" for f in result.findings if f.verdict.value == "warn"]
        rows.append((
            result.toy.name,
            "honest" if result.toy.honest else "leaks",
            ", ".join(failed) or "nothing",
            ", ".join(warned),
            "as expected" if not result.wrong else f"WRONG: {', '.join(result.wrong)}",
        ))  # fmt: skip
    right = sum(not result.wrong for result in results)
    header = ("scorer", "truth", "failed by", "", "verdicts")
    return f"{table(header, rows)}\n{right} of {len(results)} toy scorers got the verdicts they must get"
