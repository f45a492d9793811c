"""T10: the same text at other batch sizes, ranks or chunkings; an honest score stays.

Legend: N tokens of the text.
"""

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.subject import AuditContext, Subject
from golfctl.errors import InputError

_MEAN_NATS = 1e-3
_LARGEST_NATS = 1e-4  # PR #1240's tolerance; arithmetic at another shape moves float32 scores by a tenth of it
_STATISTIC = "largest mean |Δ NLL| between variants, nats"


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Compare every variant with the scorer as audited."""
    if subject.box is None:
        return not_covered("no scorer to run")
    others, missing = scored_variants(subject)
    if not others:
        return not_covered(missing or "no variant given (another batch size or number of ranks)")
    length = len(subject.text_N)
    (base,) = subject.box.score([subject.text_N])
    moves = {name: np.abs(other.claimed(length) - base.claimed(length))[1:] for name, other in others.items()}
    worst = max(moves, key=lambda name: np.nan_to_num(np.mean(moves[name]), nan=np.inf))
    mean, largest = float(np.mean(moves[worst])), float(np.max(moves[worst]))
    also = [name for name in moves if name != worst]
    tail = "".join([f"; also {', '.join(also)}" if also else "", f"; {missing}" if missing else ""])
    detail = f"{worst}: mean {mean:.2e}, largest {largest:.2e}{tail}"
    if not np.isfinite(mean):
        evidence = Evidence({"text": subject.text_N}, {"variant": worst, "scored": "not the same targets"})
        return Outcome(Verdict.FAIL, _STATISTIC, None, _MEAN_NATS, f"{worst}: other targets", context.noise, evidence)
    if mean <= _MEAN_NATS:
        small = max(float(np.max(move)) for move in moves.values()) <= max(_LARGEST_NATS, 10.0 * context.noise)
        verdict = Verdict.PASS if small else Verdict.WARN
        return Outcome(verdict, _STATISTIC, mean, _MEAN_NATS, detail, context.noise)
    facts = {"variant": worst, "position": int(np.argmax(moves[worst])) + 1, "mean_move_nats": mean}
    evidence = Evidence({"text": subject.text_N}, facts)
    return Outcome(Verdict.FAIL, _STATISTIC, mean, _MEAN_NATS, detail, context.noise, evidence)


def scored_variants(subject: Subject) -> tuple[dict[str, PostedScores], str]:
    """The ledger of the text under every variant, and why ranks are not among them (empty when they are)."""
    others = {name: box.score([subject.text_N])[0] for name, box in subject.variants.items()}
    if subject.ranks is None:
        return others, subject.no_ranks
    try:
        others[subject.ranks.name] = subject.ranks.score([subject.text_N])[0]
    except InputError as error:
        return others, f"not on several ranks ({error})"
    return others, ""


CHECK = Check(
    "T10",
    "invariance",
    1,
    "C1",
    "only the variants that were run; adaptation that batches over scored text may differ for honest reasons",
    "the score depends on batch size or on the number of processes",
    run,
)
