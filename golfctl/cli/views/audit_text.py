"""An audit as a table that fits one screen."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from golfctl.cli.views.render import table
from golfctl.cli.views.stack_text import stack_lines
from golfctl.core.text import one_line

if TYPE_CHECKING:
    from golfctl.auditing.finding import Finding
    from golfctl.auditing.report import AuditReport
    from golfctl.auditing.self_test import ToyResult

_WIDTH = 100


def audit_text(report: "AuditReport", limits: bool = False) -> str:
    """The table, what failed in full with its reproducer, and a closing that clears nobody.

    What is not covered shares a line, unless it was required; `limits` adds why, and what each check cannot see.
    """
    shown = [f for f in report.findings if f.verdict.value != "not covered" or f.id in report.required]
    missing = [f for f in report.findings if f not in shown]
    parts = _table(shown) if shown else []
    for finding in shown:
        if finding.verdict.value == "fail":
            where = f" (reproducer: {finding.reproducer})" if finding.reproducer else ""
            parts.append(f"{finding.id}: {finding.statistic}; {finding.detail}{where}")
    if limits:
        parts.append("What each check cannot see:")
        parts += [f"  {f.id:<7} {f.limits}" for f in report.findings]
        parts += ["Why not covered:", *(f"  {f.id:<7} {f.detail or f.statistic}" for f in missing)] if missing else []
    parts += stack_lines(report.subject, brief=True)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.counts().items())
    parts.append(f"{counts}; rules {report.rules}, seed {report.plan.seed}, {report.seconds:.1f} s")
    why = "" if limits else " (--limits says why)"
    left = f"Not covered: {', '.join(f.id for f in missing)}{why}." if missing else ""
    parts += _closing(left, "Checks sample: a pass is no clearance.")
    return "\n".join(map(one_line, parts))


def _table(findings: Sequence["Finding"]) -> list[str]:
    header, _, *lines = table(
        ("check", "verdict", "measured", "limit", "rests on"), [_row(finding) for finding in findings]
    ).split("\n")
    width = max(len(line) for line in (header, *lines)) + 2
    rows = [
        _clip(f"{line:<{width}}{one_line(finding.detail or finding.statistic)}")
        for line, finding in zip(lines, findings, strict=True)
    ]
    return [f"{header:<{width}}detail", *rows]


def _closing(left: str, last: str) -> list[str]:
    """Both on one line where they fit."""
    whole = f"{left} {last}".strip()
    return [whole] if len(whole) <= _WIDTH else [*textwrap.wrap(left, _WIDTH, break_on_hyphens=False), last]


def _row(finding: "Finding") -> tuple[str, ...]:
    return (
        f"{finding.id} {finding.title}",
        finding.verdict.value.upper() if finding.verdict.value == "fail" else finding.verdict.value,
        _number(finding.value),
        _number(finding.threshold),
        f"{finding.rests_on[:4]}. {finding.rule}"
        if finding.rests_on == "community"
        else f"{finding.rests_on} {finding.rule}",
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
