"""T12-i: text drawn from a known source; a causal normalised code cannot beat the source.

For a scorer p that is causal and normalised, Π p_t/q_t is a non-negative martingale with mean ≤ 1 under the source
q. So are its averages over texts, and by Ville's inequality the running maximum of such an average reaches 1/α with
probability at most α. No tolerance, no noise floor, no knowledge of the method; adaptive scorers included.

Legend: S texts, N tokens of a text.
"""

import numpy as np

from golfctl.auditing.blackbox import BlackBox
from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.probes import rng_for
from golfctl.auditing.subject import Context, Source, Subject

_STATISTIC = "ln e-value: nats won over the text's source"


def log_e_process(source_nll_SN: np.ndarray, scorer_nll_SN: np.ndarray) -> np.ndarray:
    """ln of the average over texts of Π p/q up to each token, [N]; rising above ln(1/α) has probability ≤ α.

    A NaN in `scorer_nll_SN` (a target without a score) counts as a score that equals the source's.
    """
    gain_SN = np.cumsum(np.where(np.isnan(scorer_nll_SN), 0.0, source_nll_SN - scorer_nll_SN), axis=1)
    return np.asarray(np.logaddexp.reduce(gain_SN, axis=0) - np.log(len(gain_SN)))


def run(subject: Subject, context: Context) -> Outcome:
    """The artifact's own unadapted predictor is the best source: an honest scorer loses almost nothing to it."""
    if subject.box is None:
        return not_covered("no scorer to run")
    if subject.source is None:
        return not_covered("no source to draw text from")
    plan = context.plan
    rng = rng_for(plan.seed, "T12-i")
    return judge(subject.box, subject.source, plan.source_texts, plan.source_tokens, plan.false_alarm, rng)


def judge(box: BlackBox, source: Source, texts: int, length: int, alpha: float, rng: np.random.Generator) -> Outcome:
    """Draw, score, and fail when the running maximum of the averaged e-process reaches 1/alpha."""
    text_SN, source_nll_SN = source.sample(texts, length, rng)
    ledgers = box.score(list(text_SN))
    scorer_nll_SN = np.stack([ledger.claimed(length) for ledger in ledgers])
    path_N = log_e_process(source_nll_SN[:, 1:], scorer_nll_SN[:, 1:])
    best, threshold = float(np.max(path_N)), float(np.log(1.0 / alpha))
    gains_S = np.nansum(source_nll_SN[:, 1:] - scorer_nll_SN[:, 1:], axis=1)
    detail = f"{texts} texts of {length:,} tokens from {source.name}; end {', '.join(f'{g:+.1f}' for g in gains_S)}"
    if best < threshold:
        missing = int(np.isnan(scorer_nll_SN[:, 1:]).sum())
        if missing:
            return Outcome(Verdict.INCONCLUSIVE, _STATISTIC, best, threshold, f"{missing} targets without a score")
        return Outcome(Verdict.PASS, _STATISTIC, best, threshold, detail)
    winner = int(np.argmax(gains_S))
    stop = int(np.argmax(path_N)) + 1
    facts = {
        "claim": f"drawn from {source.name}; no causal normalised scorer needs fewer nats than the source did",
        "position": stop,
        "nats_of_source": float(np.sum(source_nll_SN[winner, 1 : stop + 1])),
        "nats_of_scorer": float(np.nansum(scorer_nll_SN[winner, 1 : stop + 1])),
        "p_value_at_most": float(np.exp(-best)),
    }
    evidence = Evidence({"text": text_SN[winner], "all_texts": text_SN.reshape(-1)}, facts)
    return Outcome(Verdict.FAIL, _STATISTIC, best, threshold, detail, evidence=evidence)


CHECK = Check(
    "T12-i",
    "known-source text",
    1,
    "D1",
    "a leak that wins less than the adaptation loses on such text, or a few nats in all (T1 is its partner)",
    run,
)
