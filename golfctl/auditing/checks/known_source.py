"""T12-i: text drawn from a known source; nobody who obeys C1 to C4 beats the source but by luck of known odds.

A bettor who doubts the ledger stakes a share λ of what they own on every token: that becomes (1 + λ (p/q − 1)) times
as much, with p and q what scorer and source gave the token. For a causal normalised p the mean of p/q under q is at
most one, so no bettor expects a gain, nor do several together (Ville's inequality; the formula stands in
docs/audit.md, "Known-source text"). The whole stake is the likelihood ratio itself; small ones find small leaks that
adaptation, which costs nats on such text, would hide.

Legend: S texts, N tokens of a text, K stakes.
"""

import numpy as np

from golfctl.auditing.blackbox import BlackBox
from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.probes import rng_for
from golfctl.auditing.subject import AuditContext, Subject, TextSource

STATISTIC = "ln e-value: won by betting that the scorer beats the text's source"
STAKES_K = np.array([1.0, 1 / 3, 1 / 9, 1 / 27])
_SHARES_K = np.array([0.4, 0.3, 0.2, 0.1])  # of the money
_MOST_NATS = 1e6  # for one token: a score may be infinite, sums of such must not


def log_e_process(source_nll_SN: np.ndarray, scorer_nll_SN: np.ndarray) -> np.ndarray:
    """ln of what all bettors own together after each token, text after text, [S·N].

    Half of the money is there from the first text on, the rest comes in with the others, in equal parts; all of it
    stays to the end. Its mean under the source is at most one at any time, so it rises above ln(1/α) with probability
    at most α, wherever one stops. A NaN in `scorer_nll_SN` (a target without a score) counts as the source's score.
    """
    texts, length = source_nll_SN.shape
    gain_SN = np.where(np.isnan(scorer_nll_SN), 0.0, source_nll_SN - scorer_nll_SN)
    gain_I1 = np.clip(gain_SN, -_MOST_NATS, _MOST_NATS).reshape(-1, 1)
    with np.errstate(divide="ignore"):
        step_IK = np.logaddexp(np.log1p(-STAKES_K), np.log(STAKES_K) + gain_I1)
    arrives_S = np.array([0.5, *[0.5 / (texts - 1)] * (texts - 1)]) if texts > 1 else np.ones(1)
    owned_SI = np.zeros((texts, texts * length))
    for s in range(texts):
        own_IK = np.cumsum(step_IK[s * length :], axis=0)
        owned_SI[s, s * length :] = np.logaddexp.reduce(own_IK + np.log(_SHARES_K), axis=1)
    return np.asarray(np.logaddexp.reduce(owned_SI + np.log(arrives_S)[:, None], axis=0))


def run(subject: Subject, context: AuditContext) -> Outcome:
    """The artifact's own unadapted predictor is the best source: an honest scorer loses almost nothing to it."""
    if subject.box is None:
        return not_covered("no scorer to run")
    if subject.source is None:
        return not_covered("no source to draw text from")
    plan = context.plan
    rng = rng_for(plan.seed, "T12-i")
    return judge(subject.box, subject.source, plan.source_texts, plan.source_tokens, plan.false_alarm, rng)


def judge(
    box: BlackBox, source: TextSource, texts: int, length: int, alpha: float, rng: np.random.Generator
) -> Outcome:
    """Draw, score, and fail when what the bettors own ever reaches 1/alpha."""
    text_SN, source_nll_SN = source.sample(texts, length, rng)
    scorer_nll_SN = np.stack([ledger.claimed(length) for ledger in box.score(list(text_SN))])
    path_I = log_e_process(source_nll_SN[:, 1:], scorer_nll_SN[:, 1:])
    best, threshold = float(np.max(path_I)), float(np.log(1.0 / alpha))
    gain_SN = source_nll_SN[:, 1:] - scorer_nll_SN[:, 1:]
    ends = ", ".join(f"{gain:+.1f}" for gain in np.nansum(gain_SN, axis=1))
    many = "1 text" if texts == 1 else f"{texts} texts"
    detail = f"{many} of {length:,} tokens from {source.name}; nats won {ends}"
    if best < threshold:
        missing = int(np.isnan(gain_SN).sum())
        if missing:
            return Outcome(Verdict.INCONCLUSIVE, STATISTIC, best, threshold, f"{missing} targets without a score")
        return Outcome(Verdict.PASS, STATISTIC, best, threshold, detail)
    last, stop = divmod(int(np.argmax(path_I)), length - 1)
    facts = {
        "claim": f"texts drawn from {source.name}; whoever bets on a causal normalised scorer to beat it wins nothing",
        "text": last + 1,
        "position": stop + 1,
        "nats_of_source": [float(nll_N[1:].sum()) for nll_N in source_nll_SN],
        "nats_of_scorer": [float(np.nansum(nll_N[1:])) for nll_N in scorer_nll_SN],
        "p_value_at_most": float(np.exp(-best)),
    }
    files = {f"text_{s + 1}": text_SN[s] for s in range(texts)}
    return Outcome(Verdict.FAIL, STATISTIC, best, threshold, detail, evidence=Evidence(files, facts))


CHECK = Check(
    "T12-i",
    "known-source text",
    1,
    "D1",
    "a leak too small for a few thousand tokens, the more so the more adaptation scatters on them (T1 is its partner)",
    "the scorer beat the very source that the text was drawn from, which only foreknowledge of the text can do",
    run,
)
