"""One table over the results of all parts, and what failed, in markdown."""

from pathlib import Path
from typing import Any

from benchmarks.gpu import record
from benchmarks.gpu.table import PARTS
from golfctl.core.files import atomic_write

_NOT_RUN = {"status": "not run", "reason": "", "seconds": 0.0, "checks": [], "figures": {}}


def summary(out: Path) -> str:
    """Markdown over every part's file in `out`; parts without one are named, too."""
    results = {part.name: record.read(out, part.name) for part in PARTS}
    there = [found for found in results.values() if found]
    lines = ["# benchmarks/gpu.sh", ""]
    for device in dict.fromkeys(_where(found) for found in there):
        lines.append(f"* {device}")
    lines += ["", "| part | result | checks | seconds | main figures |", "| --- | --- | --- | --- | --- |"]
    for number, part in enumerate(PARTS, 1):
        lines.append(_row(f"{number} {part.name}", results[part.name] or _NOT_RUN))
    faults = [line for part in PARTS if (found := results[part.name]) for line in _faults(part.name, found)]
    if faults:
        lines += ["", "## What did not pass, and what is not here", "", *faults]
    return "\n".join(lines) + "\n"


def write(out: Path) -> Path:
    """Write `summary.md` beside the results."""
    path = out / "summary.md"
    atomic_write(path, summary(out).encode())
    return path


def _where(found: dict[str, Any]) -> str:
    identity = found["identity"]
    return f"{identity['device']}; torch {identity['torch']}; commit {identity['commit']}"


def _row(name: str, found: dict[str, Any]) -> str:
    passed = sum(check["verdict"] == "passed" for check in found["checks"])
    absent = sum(check["verdict"] == "not here" for check in found["checks"])
    checks = f"{passed} of {len(found['checks']) - absent}" + (f", {absent} not here" if absent else "")
    main = found["figures"].get("main", {})
    figures = "; ".join(f"{key} {_short(value)}" for key, value in main.items())
    status = found["status"] if found["status"] in ("passed", "not run") else f"**{found['status']}**"
    return f"| {name} | {status} | {checks if found['checks'] else ''} | {found['seconds']:.0f} | {_cell(figures)} |"


def _short(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1e4 else f"{value:,.0f}" if isinstance(
        value, int | float) and not isinstance(value, bool) else str(value)  # fmt: skip


def _faults(name: str, found: dict[str, Any]) -> list[str]:
    lines = [f"* {name}: {found['status']}. {_cell(found['reason'])}"] if found["status"] != "passed" else []
    for check in found["checks"]:
        if check["verdict"] != "passed":
            size = f" {check['value']} > {check['bound']}" if "bound" in check else ""
            lines.append(f"* {name}, {_cell(check['name'])}: {check['verdict']}{size}. {_cell(check['note'])}".rstrip())
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
