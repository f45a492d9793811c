"""T12-iii: the text's own tokens in random order; what adaptation wins in order, it cannot win in disorder.

A random order of given tokens is a known source too: it costs ln(N! / Π n_v!) nats, whoever knows the tokens. No
causal normalised code beats that but by the luck of T12-i, adaptive or not, for order is all that is left to guess.

Legend: N tokens of the text, V vocabulary.
"""

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.checks.known_source import log_e_process
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.probes import rng_for
from golfctl.auditing.subject import AuditContext, Subject

_STATISTIC = "ln e-value: won by betting that the scorer beats the shuffle's own cost"


def shuffle_cost(text_N: np.ndarray) -> np.ndarray:
    """−ln q of each token after the first [N − 1], with q the uniform draw without replacement from those tokens."""
    left = np.bincount(text_N[1:]).astype(np.float64)
    cost = np.empty(len(text_N) - 1)
    for i, token in enumerate(text_N[1:]):
        cost[i] = np.log(len(cost) - i) - np.log(left[token])
        left[token] -= 1
    return cost


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Score the text in order and shuffled; only the shuffled one is judged, the other shows what order is worth."""
    if subject.box is None:
        return not_covered("no scorer to run")
    plan, rng = context.plan, rng_for(context.plan.seed, "T12-iii")
    text_N = subject.text_N[: plan.shuffled_tokens]
    shuffled_N = np.concatenate([text_N[:1], rng.permutation(text_N[1:])])
    ordered, disordered = subject.box.score([text_N, shuffled_N])
    cost_N = shuffle_cost(shuffled_N)
    nll_N = disordered.claimed(len(shuffled_N))[1:]
    path_N = log_e_process(cost_N[None], nll_N[None])
    best, threshold = float(np.max(path_N)), float(np.log(1.0 / plan.false_alarm))
    if np.isnan(nll_N).any() and not best >= threshold:
        missing = int(np.isnan(nll_N).sum())
        return Outcome(Verdict.INCONCLUSIVE, _STATISTIC, None, threshold, f"{missing} targets without a score")
    inorder = float(np.nanmean(ordered.claimed(len(text_N))[1:]))
    share = cost_N.sum() / len(cost_N)
    detail = f"won a token: in order {share - inorder:+.2f}, shuffled {share - np.nanmean(nll_N):+.2f} nats"
    if best < threshold:
        return Outcome(Verdict.PASS, _STATISTIC, best, threshold, detail)
    stop = int(np.argmax(path_N)) + 1
    facts = {
        "claim": "the tokens were shuffled; no causal normalised code needs fewer nats than their order costs",
        "position": stop,
        "nats_of_shuffle": float(cost_N[:stop].sum()),
        "nats_of_scorer": float(np.nansum(nll_N[:stop])),
        "p_value_at_most": float(np.exp(-best)),
    }
    return Outcome(Verdict.FAIL, _STATISTIC, best, threshold, detail, evidence=Evidence({"text": shuffled_N}, facts))


CHECK = Check(
    "T12-iii",
    "shuffled text",
    1,
    "D1",
    "all but strong leaks: what a model loses on disorder hides the rest",
    "the scorer kept its lead on shuffled text, where no order is left to predict",
    run,
)
