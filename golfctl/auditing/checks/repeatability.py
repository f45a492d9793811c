"""T0: score the same text again; what moves is the noise floor of every other check.

Legend: N tokens of the text.
"""

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.subject import AuditContext, Subject

_WARN_NATS = 1e-4


def measure(subject: Subject, context: AuditContext) -> Outcome:
    """Score twice in one call and once in another, and keep the largest deviation as `context.noise`."""
    if subject.box is None:
        return not_covered("no scorer to run")
    first, second = subject.box.score([subject.text_N, subject.text_N])
    (third,) = subject.box.score([subject.text_N])
    if not all(np.array_equal(first.position_R, other.position_R) for other in (second, third)):
        context.noise = float("inf")
        return Outcome(
            Verdict.FAIL, "rows booked in one run and not in another", None, 0.0, evidence=_evidence(subject, "rows")
        )
    noise = max(float(np.max(np.abs(first.nll_R - other.nll_R), initial=0.0)) for other in (second, third))
    context.noise = noise if np.isfinite(noise) else float("inf")
    verdict = Verdict.PASS if noise <= _WARN_NATS else Verdict.WARN
    if not np.isfinite(noise):
        verdict = Verdict.FAIL
    detail = "bit for bit" if noise == 0 else ""
    value = noise if np.isfinite(noise) else None
    return Outcome(verdict, "largest |Δ NLL| between repeats, nats", value, _WARN_NATS, detail, value)


def _evidence(subject: Subject, what: str) -> Evidence:
    return Evidence({"text": subject.text_N}, {"repeat": "score text.bin twice", "differs": what})


CHECK = Check(
    "T0",
    "repeatability",
    1,
    "R12",
    "the same machine and software only; another machine may differ by more",
    "the same text got different scores, so no other difference can be told from chance",
    measure,
)
