"""T12-iv: validation text against fresh text of the same kind; who was fitted on the one scores the other worse.

Texts differ in difficulty, so a clean reference scores both: judged is by how much the scorer's lead over the
reference shrinks on fresh text.

Legend: N, F tokens of the seen and the fresh text, B blocks.
"""

import numpy as np

from golfctl.auditing.blackbox import BlackBox, FunctionBox
from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.subject import AuditContext, Subject

_BLOCK = 64  # tokens whose scores are averaged, so that blocks are about independent
_SIGMAS = 4.0
_FAIL_NATS, _BLIND_NATS = 0.1, 0.5
_STATISTIC = "lead over the reference lost on fresh text, nats a token"


def counts(vocab_size: int) -> BlackBox:
    """A reference that has seen no text at all: adaptive counts of one token of context, blended with those of none."""
    return FunctionBox("adaptive counts", vocab_size, lambda text_N: PostedScores.of(*_count(text_N, vocab_size)))


def _count(text_N: np.ndarray, vocab_size: int) -> tuple[np.ndarray, np.ndarray]:
    single, pairs = np.zeros(vocab_size), np.zeros((vocab_size, vocab_size), np.float32)
    nll = np.zeros(len(text_N) - 1)
    for i in range(1, len(text_N)):
        before, token = int(text_N[i - 1]), int(text_N[i])
        single[before] += 1
        base = (single[token] + 0.5) / (i + 0.5 * vocab_size)
        row = pairs[before]
        nll[i - 1] = -np.log((row[token] + 4.0 * base) / (row.sum() + 4.0))
        row[token] += 1
    return np.arange(1, len(text_N)), nll


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Score both texts with scorer and reference."""
    if subject.box is None:
        return not_covered("no scorer to run")
    if subject.fresh is None:
        return not_covered("no second text of the same kind was given (--fresh)")
    seen_N, fresh_F, reference = subject.fresh
    reference = reference or counts(subject.box.vocab_size)
    seen_B, fresh_B = (block_leads(subject.box, reference, text_N) for text_N in (seen_N, fresh_F))
    return judge(seen_B, fresh_B, reference.name)


def block_leads(box: BlackBox, reference: BlackBox, text_N: np.ndarray) -> np.ndarray:
    """Mean NLL of the reference less that of the scorer, in each block of the text, [B]."""
    (mine,), (theirs,) = box.score([text_N]), reference.score([text_N])
    lead = (theirs.claimed(len(text_N)) - mine.claimed(len(text_N)))[1:]
    whole = len(lead) // _BLOCK * _BLOCK
    return np.asarray(lead[:whole].reshape(-1, _BLOCK).mean(axis=1))


def judge(seen_B: np.ndarray, fresh_B: np.ndarray, reference: str) -> Outcome:
    """Fail where the lead shrinks by 0.1 nats or more and by four standard errors."""
    if min(len(seen_B), len(fresh_B)) < 2:
        return Outcome(Verdict.INCONCLUSIVE, _STATISTIC, None, _FAIL_NATS, "texts too short for a standard error")
    lost = float(seen_B.mean() - fresh_B.mean())
    error = float(np.sqrt(sum(b.var(ddof=1) / len(b) for b in (seen_B, fresh_B))))
    threshold = max(_FAIL_NATS, _SIGMAS * error)
    detail = f"lead over {reference} {seen_B.mean():+.3f} here, {fresh_B.mean():+.3f} fresh, ± {error:.3f}"
    if not np.isfinite(lost):
        return Outcome(Verdict.INCONCLUSIVE, _STATISTIC, None, threshold, "some targets have no score")
    if lost > threshold:
        return Outcome(Verdict.FAIL, _STATISTIC, lost, threshold, detail)
    if _SIGMAS * error > _BLIND_NATS:
        return Outcome(Verdict.INCONCLUSIVE, _STATISTIC, lost, threshold, f"{detail}: too noisy to say anything")
    verdict = Verdict.WARN if lost > _SIGMAS * error else Verdict.PASS
    return Outcome(verdict, _STATISTIC, lost, threshold, detail)


CHECK = Check(
    "T12-iv",
    "fresh slice",
    1,
    "R6",
    "fitting on validation that helps any such text as much; whether the fresh text was fresh to the scorer",
    "the lead over a clean reference shrinks on text that nobody has seen: this scorer was fitted to the scored text",
    run,
)
