"""T10: the same text at other batch sizes, ranks or chunkings; an honest score stays.

Legend: N tokens of the text.
"""

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.subject import Context, Subject

_MEAN_NATS = 1e-3
_STATISTIC = "largest mean |Δ NLL| between variants, nats"


def run(subject: Subject, context: Context) -> Outcome:
    """Compare every variant with the scorer as audited."""
    if subject.box is None:
        return not_covered("no scorer to run")
    if not subject.variants:
        return not_covered("no variant given (another batch size or number of ranks)")
    length = len(subject.text_N)
    (base,) = subject.box.score([subject.text_N])
    moves = {}
    for name, box in subject.variants.items():
        (other,) = box.score([subject.text_N])
        moves[name] = np.abs(other.claimed(length) - base.claimed(length))[1:]
    worst = max(moves, key=lambda name: float(np.mean(moves[name])))
    mean, largest = float(np.mean(moves[worst])), float(np.max(moves[worst]))
    detail = f"{worst}: mean {mean:.2e}, largest {largest:.2e}"
    if not np.isfinite(mean):
        evidence = Evidence({"text": subject.text_N}, {"variant": worst, "scored": "not the same targets"})
        return Outcome(Verdict.FAIL, _STATISTIC, None, _MEAN_NATS, f"{worst}: other targets", context.noise, evidence)
    if mean <= _MEAN_NATS:
        return Outcome(Verdict.PASS, _STATISTIC, mean, _MEAN_NATS, detail, context.noise)
    facts = {"variant": worst, "position": int(np.argmax(moves[worst])) + 1, "mean_move_nats": mean}
    evidence = Evidence({"text": subject.text_N}, facts)
    return Outcome(Verdict.FAIL, _STATISTIC, mean, _MEAN_NATS, detail, context.noise, evidence)


CHECK = Check(
    "T10",
    "invariance",
    1,
    "C1",
    "only the variants that were run; adaptation that batches over scored text may differ for honest reasons",
    run,
)
