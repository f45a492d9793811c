"""T1: replace everything after a cut; no score at or before the cut may move.

Legend: N tokens of the text.
"""

import numpy as np

from golfctl.auditing.blackbox import BlackBox, score_until
from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.probes import SUFFIXES, cut_positions, replace_suffix, rng_for
from golfctl.auditing.subject import AuditContext, Subject

_CEILING_NATS = 1e-4  # PR #1240's tolerance: never judged more kindly than this, whatever the noise
_NOISE_FACTOR = 10.0
_STATISTIC = "largest |Δ NLL| at or before a cut, nats"


def threshold_for(noise: float) -> float:
    """Zero for a scorer that repeats bit for bit, else ten times its noise, capped at 1e-4 nats."""
    return min(_NOISE_FACTOR * noise, _CEILING_NATS)


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Cuts at random phase; the kinds of suffix take turns."""
    if subject.box is None:
        return not_covered("no scorer to run")
    rng = rng_for(context.plan.seed, "T1")
    cuts = cut_positions(len(subject.text_N), context.plan.cuts, rng)
    return probe(subject.box, subject.text_N, subject.others_M, cuts, rng, context.noise)


def probe(
    box: BlackBox, text_N: np.ndarray, others_M: np.ndarray, cuts: np.ndarray, rng: np.random.Generator, noise: float
) -> Outcome:
    """Replace what follows each of `cuts` and compare the rows at or before it."""
    kinds = [SUFFIXES[i % len(SUFFIXES)] for i in rng.permutation(len(cuts))]
    altered = [
        replace_suffix(text_N, int(cut), kind, others_M, box.vocab_size, rng)
        for cut, kind in zip(cuts, kinds, strict=True)
    ]
    base, *ledgers = score_until(box, [text_N, *altered], [len(text_N) - 1, *cuts.tolist()])
    if not np.isfinite(base.nll_R).any():
        return Outcome(Verdict.INCONCLUSIVE, _STATISTIC, None, threshold_for(noise), "no score to compare")
    moves = np.array(
        [largest_move(base, other, int(cut)) for other, cut in zip(ledgers, cuts, strict=True)], np.float64
    )
    threshold = threshold_for(noise)
    found = int(np.sum(moves > threshold))
    worst = int(np.argmax(moves))
    detail = f"{found} of {len(cuts)} cuts moved earlier scores"
    value = float(moves[worst]) if np.isfinite(moves[worst]) else None
    if value is None:
        detail += "; rows at or before the cut appeared or vanished"
    if not found:
        return Outcome(Verdict.PASS, _STATISTIC, value, threshold, detail, noise)
    evidence = _evidence(text_N, altered[worst], base, ledgers[worst], int(cuts[worst]), kinds[worst])
    return Outcome(Verdict.FAIL, _STATISTIC, value, threshold, detail, noise, evidence)


def largest_move(base: PostedScores, other: PostedScores, cut: int) -> float:
    """Largest change of a row at or before `cut`; infinite when the rows themselves, or what is finite, differ."""
    before, after = base.until(cut), other.until(cut)
    if not np.array_equal(before.position_R, after.position_R):
        return float("inf")
    same = (before.nll_R == after.nll_R) | (np.isnan(before.nll_R) & np.isnan(after.nll_R))
    moved = np.abs(before.nll_R - after.nll_R)[~same]
    return float(np.max(np.where(np.isnan(moved), np.inf, moved), initial=0.0))


def _evidence(
    text_N: np.ndarray, altered_N: np.ndarray, base: PostedScores, other: PostedScores, cut: int, kind: str
) -> Evidence:
    before, after = base.claimed(len(text_N)), other.claimed(len(text_N))
    moves = np.abs(np.nan_to_num(before - after, nan=np.inf))[: cut + 1]
    moves[0] = 0.0  # token 0 has no score
    position = int(np.argmax(moves))
    facts = {
        "claim": f"tokens 0..{cut} are the same in both files, so the scores at positions 1..{cut} must be too",
        "cut": cut,
        "suffix": kind,
        "position": position,
        "nll_original": repr(before[position]),
        "nll_altered": repr(after[position]),
    }
    return Evidence({"original": text_N, "altered": altered_N}, facts)


CHECK = Check(
    "T1",
    "suffix replacement",
    1,
    "C1",
    "a target-keyed cache, an oracle gate, or anything that uses the scored token but none after it",
    "scores changed with text that comes after them: the scorer looks ahead",
    run,
)
