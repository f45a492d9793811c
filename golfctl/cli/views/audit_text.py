"""An audit as a table that fits one screen."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from golfctl.cli.views.render import table
from golfctl.cli.views.stack_text import stack_lines
from golfctl.core.text import one_line

if TYPE_CHECKING:
    from golfctl.auditing.finding import Finding
    from golfctl.auditing.report import AuditReport
    from golfctl.auditing.self_test import ToyResult

_PROSE = 100  # columns of sentences where no terminal says how many it has


def audit_text(report: "AuditReport", details: bool = False, columns: int | None = None) -> str:
    """The table, what failed in full with its meaning and reproducer, and a closing that clears nobody.

    What is not covered shares a line, unless it was required; `details` adds why, and what each check cannot see.
    `columns` is the width of a terminal: rows end there, and are whole without one.
    """
    shown = [f for f in report.findings if f.verdict.value != "not covered" or f.id in report.required]
    missing = [f for f in report.findings if f not in shown]
    parts = _table(shown, columns) if shown else []
    for finding in shown:
        if finding.verdict.value == "fail":
            parts += _failure(finding)
    if details:
        parts += limits_lines((f.id, f.limits) for f in report.findings)
        parts += ["Why not covered:", *(f"  {f.id:<7} {f.detail or f.statistic}" for f in missing)] if missing else []
    parts += stack_lines(report.subject, brief=True)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.counts().items())
    parts.append(f"{counts}; rules {report.rules}, seed {report.plan.seed}, {report.seconds:.1f} s")
    why = "" if details else " (--details says why)"
    left = f"Not covered: {', '.join(f.id for f in missing)}{why}." if missing else ""
    parts += _closing(left, "Checks sample: a pass is no clearance.", columns or _PROSE)
    return "\n".join(map(one_line, parts))


def limits_lines(limits: Iterable[tuple[str, str]]) -> list[str]:
    """What each check cannot see, by its id."""
    return ["What each check cannot see:", *(f"  {name:<7} {limit}" for name, limit in limits)]


def _table(findings: Sequence["Finding"], columns: int | None) -> list[str]:
    header, _, *lines = table(
        ("check", "verdict", "measured", "limit", "rests on"), [_row(finding) for finding in findings]
    ).split("\n")
    width = max(len(line) for line in (header, *lines)) + 2
    rows = [
        _clip(f"{line:<{width}}{one_line(finding.detail or finding.statistic)}", columns)
        for line, finding in zip(lines, findings, strict=True)
    ]
    return [_clip(f"{header:<{width}}detail", columns), *rows]


def _failure(finding: "Finding") -> list[str]:
    lines = [f"{finding.id}: {finding.statistic}; {finding.detail}"]
    if finding.meaning:
        lines.append(f"    that is: {finding.meaning}")
    if finding.reproducer:
        lines.append(f"    reproducer: {finding.reproducer}")
    return lines


def _closing(left: str, last: str, columns: int) -> list[str]:
    """Both on one line where they fit."""
    whole = f"{left} {last}".strip()
    return [whole] if len(whole) <= columns else [*textwrap.wrap(left, columns, break_on_hyphens=False), last]


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


def _clip(line: str, columns: int | None) -> str:
    return line if columns is None or len(line) <= columns else line[: columns - 1] + "…"


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
