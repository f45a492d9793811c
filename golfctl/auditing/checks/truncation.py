"""T2: score the text cut short; the scores that remain should be the same.

Legend: N tokens of the text.
"""

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.probes import cut_positions, rng_for
from golfctl.auditing.subject import AuditContext, Subject

_MEAN_NATS = 1e-3
_NEAR = 64  # a leak reaches back a window or a batch: look near the cut, where it is not diluted


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Compare the first score booked for each of the last targets before a cut, with and without what follows."""
    if subject.box is None:
        return not_covered("no scorer to run")
    text_N = subject.text_N
    cuts = cut_positions(len(text_N), context.plan.truncations, rng_for(context.plan.seed, "T2"))
    base, *ledgers = subject.box.score([text_N, *(text_N[: cut + 1] for cut in cuts)])
    whole_N = base.first(len(text_N))
    deviations = []
    for cut, ledger in zip(cuts, ledgers, strict=True):
        low = max(1, int(cut) + 1 - _NEAR)
        deviations.append(ledger.first(int(cut) + 1)[low:] - whole_N[low : int(cut) + 1])
    deviation = np.concatenate(deviations)
    if np.isnan(deviation).any():
        missing = int(np.isnan(deviation).sum())
        detail = f"{missing} targets are scored in one length and not in the other"
        return Outcome(Verdict.WARN, "mean |Δ NLL| near the cuts, nats", None, _MEAN_NATS, detail)
    mean, signed = float(np.mean(np.abs(deviation))), float(np.mean(deviation))
    detail = f"signed mean {signed:+.2e}, largest {float(np.max(np.abs(deviation))):.2e}"
    verdict = Verdict.PASS if mean <= _MEAN_NATS else Verdict.WARN
    if verdict is Verdict.WARN:
        detail += "; scores depend on the text's length or on what follows: T1 tells which"
    return Outcome(verdict, "mean |Δ NLL| near the cuts, nats", mean, _MEAN_NATS, detail, context.noise)


CHECK = Check(
    "T2",
    "truncation",
    1,
    "C1",
    "cannot tell use of the length (a schedule over chunks) from use of later text, so it only warns; T1 decides",
    "scores changed when the text was cut short: the scorer knows the text's length, or what follows",
    run,
)
