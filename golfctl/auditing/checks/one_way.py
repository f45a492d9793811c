"""T13: the text through a pipe, a token at a time; nothing to rewind, nothing else to read.

Legend: N tokens of the text.
"""

from pathlib import Path

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.subject import AuditContext, Subject

_MEAN_NATS = 1e-3
_MASS_NATS = 1e-4
_STATISTIC = "mean |fed − booked NLL|, nats"


def run(subject: Subject, context: AuditContext) -> Outcome:
    """What a scorer books for a text that it holds must be what it posts when fed that text."""
    if subject.feed is None or subject.box is None:
        return not_covered("the scorer does not answer token by token (--step-cmd)")
    text_N = subject.text_N[: context.plan.fed_tokens]
    fed = subject.feed(text_N)
    (ledger,) = subject.box.score([text_N])
    moves = np.abs(ledger.claimed(len(text_N)) - fed.nll_N)[1:]
    mean = float(np.mean(moves)) if np.isfinite(moves).all() else None
    detail = f"{len(moves):,} targets; largest |ln mass| {fed.mass:.1e}"
    taken = [name for name in fed.trace.of("read") if any(_under(name, root) for root in subject.withheld)]
    if taken:
        detail = f"it read {taken[0]}; {detail}"
    if mean is not None and mean <= _MEAN_NATS and fed.mass <= _MASS_NATS and not taken:
        return Outcome(Verdict.PASS, _STATISTIC, mean, _MEAN_NATS, detail, context.noise)
    position = int(np.argmax(np.nan_to_num(moves, nan=np.inf))) + 1
    booked = ledger.claimed(len(text_N))[position]
    facts = {"position": position, "fed": repr(fed.nll_N[position]), "booked": repr(booked), "ln_mass": fed.mass}
    evidence = Evidence({"text": text_N}, facts)
    return Outcome(Verdict.FAIL, _STATISTIC, mean, _MEAN_NATS, detail, context.noise, evidence)


def _under(name: str, root: Path) -> bool:
    return Path(name).resolve().is_relative_to(root.resolve())


CHECK = Check(
    "T13",
    "one-way feeder",
    2,
    "C3",
    "whether the scorer that is fed is the one that made the headline; files that native code opens",
    "fed a token at a time, the scorer gives other scores than it booked",
    run,
)
