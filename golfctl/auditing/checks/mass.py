"""T3: put every token of the vocabulary in one place; what the scorer grants them must sum to one.

Legend: N tokens of the text, V vocabulary, A answers tried, P positions probed.
"""

from typing import NamedTuple

import numpy as np

from golfctl.auditing.blackbox import score_until
from golfctl.auditing.checks.base import Check
from golfctl.auditing.checks.mass_answers import Answers, choose_answers, favoured_tokens
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.plan import Plan
from golfctl.auditing.probes import cut_positions, rng_for
from golfctl.auditing.subject import AuditContext, Subject

_POSITION_TOLERANCE = 1e-3  # |ln Z| at one position
_MEAN_TOLERANCE = 1e-4  # |mean ln Z|
_SIGMAS = 5.0
_USELESS_ERROR = 0.25  # a sampled mass with a larger standard error says nothing


class Mass(NamedTuple):
    """The mass at one position; `error` is its standard error (0 when `exact`: all of V was tried)."""

    position: int
    value: float
    error: float
    exact: bool
    e_value: float = 1.0


def measure(subject: Subject, context: AuditContext, kept: bool) -> tuple[list[Mass], Evidence | None]:
    """The masses at random positions, suffix kept or removed, and the evidence of the worst one."""
    plan, box = context.plan, subject.box
    if box is None:
        return [], None
    text_N = subject.text_N[: plan.mass_tokens]
    rng = rng_for(plan.seed, "T3" if kept else "T3r")
    positions = [int(position) for position in 1 + cut_positions(len(text_N), plan.mass_positions, rng)]
    answers_P = [_answers(subject, plan, text_N, position, rng) for position in positions]
    texts: list[np.ndarray] = []
    last: list[int] = []
    for position, answers in zip(positions, answers_P, strict=True):
        texts += [_with_answer(text_N, position, int(token), kept) for token in answers.tokens]
        last += [position] * len(answers.tokens)
    ledgers = iter(score_until(box, texts, last))
    masses = [
        _mass(position, answers, [next(ledgers) for _ in answers.tokens])
        for position, answers in zip(positions, answers_P, strict=True)
    ]
    return masses, _evidence(max(masses, key=lambda m: abs(m.value - 1.0)), text_N, kept)


def _answers(subject: Subject, plan: Plan, text_N: np.ndarray, position: int, rng: np.random.Generator) -> Answers:
    assert subject.box is not None
    source = subject.source if plan.mass_answers else None
    proposal_V = None if source is None else source.row(text_N[:position])
    favoured = favoured_tokens(text_N, position)
    return choose_answers(subject.box.vocab_size, plan.mass_answers, proposal_V, favoured, rng)


def _evidence(worst: Mass, text_N: np.ndarray, kept: bool) -> Evidence:
    facts = {
        "claim": f"exp(-NLL) at position {worst.position}, summed over every token put there, is one",
        "position": worst.position,
        "suffix": "kept" if kept else "removed",
        "mass": worst.value,
        "standard_error": worst.error,
    }
    return Evidence({"text": text_N if kept else text_N[: worst.position + 1]}, facts)


def _with_answer(text_N: np.ndarray, position: int, token: int, kept: bool) -> np.ndarray:
    altered_N = text_N.copy() if kept else text_N[: position + 1].copy()
    altered_N[position] = token
    return altered_N


def _mass(position: int, answers: Answers, ledgers: list[PostedScores]) -> Mass:
    nll_A = np.array([ledger.claimed(position + 1)[position] for ledger in ledgers])
    value, error, e_value = answers.mass(np.exp(-nll_A))
    return Mass(position, value, error, not len(answers.drawn_D), e_value)


def judge(masses: list[Mass], noise: float, alpha: float = 0.001) -> tuple[Verdict, float, float, str]:
    """Verdict, |mean ln Z| (of sampled masses: mean Z − 1), its threshold, and a line of detail."""
    values = np.array([m.value for m in masses])
    if not np.isfinite(values).all():
        return Verdict.FAIL, float("inf"), _MEAN_TOLERANCE, "some probed position has no score"
    return _judge_exact(values, noise) if all(m.exact for m in masses) else _judge_sampled(masses, alpha)


def _judge_exact(values: np.ndarray, noise: float) -> tuple[Verdict, float, float, str]:
    low, median, high = values.min(), float(np.median(values)), values.max()
    detail = f"Z at {len(values)} positions: median {median:.4f}, {low:.4f} to {high:.4f}"
    log_Z = np.log(values)
    mean = float(abs(log_Z.mean()))
    slack = 10.0 * noise if np.isfinite(noise) else 0.0
    bad = mean > _MEAN_TOLERANCE + slack or bool((abs(log_Z) > _POSITION_TOLERANCE + slack).any())
    return (Verdict.FAIL if bad else Verdict.PASS), mean, _MEAN_TOLERANCE + slack, detail


def _judge_sampled(masses: list[Mass], alpha: float) -> tuple[Verdict, float, float, str]:
    errors = np.array([m.error for m in masses])
    mean = float(np.mean([m.value for m in masses]))
    error = float(np.sqrt(np.sum(errors**2)) / len(errors))
    threshold = max(_SIGMAS * error, _POSITION_TOLERANCE)
    detail = f"mean Z {mean:.4f} ± {error:.4f} at {len(masses)} positions, sampled: sees an excess of {threshold:.2g}"
    bet = float(np.sum(np.log(0.5 + 0.5 * np.array([m.e_value for m in masses]))))  # half staked at each position
    if mean - 1.0 > threshold:
        return Verdict.FAIL, mean - 1.0, threshold, detail
    if bet > np.log(1.0 / alpha):
        return Verdict.FAIL, mean - 1.0, threshold, f"{detail}; e-value exp({bet:.1f}) against a mass of one"
    if 1.0 - mean > threshold:  # as a rule a sample that missed the few tokens which the scorer favours
        return Verdict.INCONCLUSIVE, mean - 1.0, threshold, f"{detail}; less than one: more --answers tell why"
    return (Verdict.INCONCLUSIVE if error > _USELESS_ERROR else Verdict.PASS), mean - 1.0, threshold, detail


def _run(subject: Subject, context: AuditContext, kept: bool) -> Outcome:
    if subject.box is None:
        return not_covered("no scorer to run")
    masses, evidence = measure(subject, context, kept)
    verdict, value, threshold, detail = judge(masses, context.noise, context.plan.false_alarm)
    sampled = not all(m.exact for m in masses)
    statistic = "mean Z − 1, sampled" if sampled else "|mean ln Z|"
    return Outcome(
        verdict, statistic, value, threshold, detail, context.noise, evidence if verdict is Verdict.FAIL else None
    )


def run_kept(subject: Subject, context: AuditContext) -> Outcome:
    """The tokens after the probed one stay: sees state that the answer itself helped to fit."""
    return _run(subject, context, kept=True)


def run_removed(subject: Subject, context: AuditContext) -> Outcome:
    """The text ends with the probed token: sees scores that look at their own token."""
    return _run(subject, context, kept=False)


KEPT = Check(
    "T3",
    "mass, suffix kept",
    1,
    "C2",
    "leaks through tokens after the scored one whose masses still sum to one (T1 sees those)",
    "the probabilities of all possible answers at one place sum to more than one: the score is too good by as much",
    run_kept,
)
REMOVED = Check(
    "T3r",
    "mass, suffix removed",
    1,
    "M1",
    "a scorer that leaves a text's very last target out of its loss: shared SLOT passes here and fails with the suffix",
    "even with nothing after it, the answers at one place sum to more than one: a target decides its own probability",
    run_removed,
)
