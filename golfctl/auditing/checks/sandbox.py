"""T14: what a scorer opened while it scored, and whether it reached for the network."""

import sys
from collections.abc import Sequence
from pathlib import Path

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.foreign.trace import Trace
from golfctl.auditing.subject import AuditContext, Subject

_STATISTIC = "network attempts and forbidden files"
_SHOWN = 3
_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib", "/tmp/golfctl-audit-")


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Judge the traces that the subject gives."""
    if subject.traces is None:
        return not_covered("the scorer runs inside this process")
    traces = subject.traces()
    if not any(trace.events for trace in traces):
        return not_covered("no Python process was traced (another language, or python -I)")
    return judge(traces, subject.forbidden)


def judge(traces: Sequence[Trace], forbidden: Sequence[Path]) -> Outcome:
    """Fail on any network attempt and on any file at or under one of `forbidden`."""
    reads = _distinct(traces, "read")
    network, programs = _distinct(traces, "network"), _distinct(traces, "program")
    roots = [path.resolve() for path in forbidden]
    taken = [name for name in reads if any(Path(name).resolve().is_relative_to(root) for root in roots)]
    own = [name for name in reads if not _is_system(name)]
    where = "no network namespace" if not all(t.isolated for t in traces) else "own network namespace"
    detail = f"{len(own)} files of its own read, {len(programs)} other programs started, {where}"
    bad = network + taken
    if bad:
        detail = f"{'; '.join(bad[:_SHOWN])}{' …' if len(bad) > _SHOWN else ''} ({detail})"
    verdict = Verdict.FAIL if bad else Verdict.PASS
    return Outcome(verdict, _STATISTIC, float(len(bad)), 0.0, detail)


def _distinct(traces: Sequence[Trace], kind: str) -> list[str]:
    return list(dict.fromkeys(what for trace in traces for what in trace.of(kind)))


def _is_system(name: str) -> bool:
    prefixes = (*_SYSTEM, sys.prefix, sys.base_prefix)
    return name.startswith(prefixes) or name.endswith((".pyc", ".py", ".pth")) or "site-packages" in name


CHECK = Check(
    "T14",
    "sandbox trace",
    1,
    "R2",
    "files that native code opens by itself, programs that are not Python, and what was read before this run",
    "the scorer opened files, programs or the network that it has no business with while it scored",
    run,
)
