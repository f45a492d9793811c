"""T3: put every token of the vocabulary in one place; what the scorer grants them must sum to one.

Legend: N tokens of the text, V vocabulary, A answers fixed, D answers drawn, P positions probed.
"""

from typing import NamedTuple

import numpy as np

from golfctl.auditing.blackbox import score_until
from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.foreign.posted_scores import Ledger
from golfctl.auditing.probes import cut_positions, rng_for
from golfctl.auditing.subject import Context, Subject

_POSITION_TOLERANCE = 1e-3  # |ln Z| at one position
_MEAN_TOLERANCE = 1e-4  # |mean ln Z|
_SIGMAS = 5.0
_USELESS_ERROR = 0.25  # a sampled mass with a larger standard error says nothing


class Answers(NamedTuple):
    """Tokens to try at a position: `fixed` ones that count whole, then draws from the rest.

    `weight_D` makes Σ weight·f(token) over the draws an unbiased estimate of Σ f over the rest; `source_D` is the
    source's probability of each draw and `rest` its probability of all the rest (0 where there is no source): what a
    draw shows is how far the scorer departs from the source, so that a scorer near it is measured almost exactly.
    """

    fixed_A: np.ndarray
    drawn_D: np.ndarray
    weight_D: np.ndarray
    source_D: np.ndarray
    rest: float

    @property
    def tokens(self) -> np.ndarray:
        """All tokens to try, the fixed ones first."""
        return np.concatenate([self.fixed_A, self.drawn_D])

    def mass(self, share: np.ndarray) -> tuple[float, float, float]:
        """From the scorer's probability of each of `tokens`: estimate of the mass, its standard error, an e-value.

        The e-value is the estimate without the source's help: never negative, and of mean one when the mass is one.
        """
        fixed, drawn_D = share[: len(self.fixed_A)], share[len(self.fixed_A) :]
        if not len(drawn_D):
            return float(fixed.sum()), 0.0, float(fixed.sum())
        excess_D = self.weight_D * (drawn_D - self.source_D) * len(drawn_D)
        error = float(np.std(excess_D, ddof=1) / np.sqrt(len(drawn_D))) if len(drawn_D) > 1 else float("inf")
        plain = float(fixed.sum() + np.sum(self.weight_D * drawn_D))
        return float(fixed.sum() + self.rest + excess_D.mean()), error, plain


class Mass(NamedTuple):
    """The mass at one position; `error` is its standard error (0 when `exact`: all of V was tried)."""

    position: int
    value: float
    error: float
    exact: bool
    e_value: float = 1.0


def choose_answers(
    vocab_size: int, count: int, proposal_V: np.ndarray | None, favoured: np.ndarray, rng: np.random.Generator
) -> Answers:
    """The whole vocabulary when `count` is 0 or covers it; else half fixed, half drawn.

    Fixed are tokens that a scorer may favour beyond the source: `favoured` first (the realised token, what followed
    the same context before), then the source's own best. Of the rest a quarter is drawn uniformly, the others in
    proportion to the source; both weighted by the mixture's density, so the estimate is unbiased whatever the source.
    """
    none = np.zeros(0)
    if count == 0 or count >= vocab_size:
        return Answers(np.arange(vocab_size), none.astype(np.int64), none, none, 0.0)
    ranked = np.concatenate([favoured, np.arange(0) if proposal_V is None else np.argsort(-proposal_V)[:count]])
    fixed_A = np.array(list(dict.fromkeys(ranked.astype(np.int64).tolist()))[: count // 2], np.int64)
    inside_V = np.ones(vocab_size, bool)
    inside_V[fixed_A] = False
    uniform_V = inside_V / inside_V.sum()
    source_V = np.zeros(vocab_size) if proposal_V is None else proposal_V / proposal_V.sum() * inside_V
    rest = float(source_V.sum())
    density_V = uniform_V if rest <= 0.0 else 0.25 * uniform_V + 0.75 * source_V / rest
    drawn_D = rng.choice(vocab_size, count - len(fixed_A), p=density_V / density_V.sum())
    return Answers(fixed_A, drawn_D, 1.0 / density_V[drawn_D] / len(drawn_D), source_V[drawn_D], rest)


def favoured_tokens(text_N: np.ndarray, position: int) -> np.ndarray:
    """The realised token, then what followed the same two tokens before, then the same one; latest first."""
    ends = np.flatnonzero(text_N[: position - 1] == text_N[position - 1])[::-1]
    longer = ends[(ends > 0) & (text_N[ends - 1] == text_N[position - 2])] if position > 1 else ends[:0]
    return np.concatenate([text_N[position : position + 1], text_N[longer + 1], text_N[ends + 1]]).astype(np.int64)


def measure(subject: Subject, context: Context, kept: bool) -> tuple[list[Mass], Evidence | None]:
    """The masses at random positions, suffix kept or removed, and the evidence of the worst one."""
    plan, box = context.plan, subject.box
    if box is None:
        return [], None
    rng = rng_for(plan.seed, "T3" if kept else "T3r")
    text_N = subject.text_N[: plan.mass_tokens]
    positions = 1 + cut_positions(len(text_N), plan.mass_positions, rng)
    texts: list[np.ndarray] = []
    last: list[int] = []
    answers_P = []
    for position in positions:
        proposal_V = None if subject.source is None or not plan.mass_answers else subject.source.row(text_N[:position])
        favoured = favoured_tokens(text_N, int(position))
        answers = choose_answers(box.vocab_size, plan.mass_answers, proposal_V, favoured, rng)
        answers_P.append(answers)
        texts += [_with_answer(text_N, int(position), int(token), kept) for token in answers.tokens]
        last += [int(position)] * len(answers.tokens)
    ledgers = iter(score_until(box, texts, last))
    masses = []
    for position, answers in zip(positions, answers_P, strict=True):
        masses.append(_mass(int(position), answers, [next(ledgers) for _ in answers.tokens]))
    worst = max(masses, key=lambda m: abs(m.value - 1.0))
    facts = {
        "claim": f"exp(-NLL) at position {worst.position}, summed over every token put there, is one",
        "position": worst.position,
        "suffix": "kept" if kept else "removed",
        "mass": worst.value,
        "standard_error": worst.error,
    }
    shown_N = text_N if kept else text_N[: worst.position + 1]
    return masses, Evidence({"text": shown_N}, facts)


def _with_answer(text_N: np.ndarray, position: int, token: int, kept: bool) -> np.ndarray:
    altered_N = text_N.copy() if kept else text_N[: position + 1].copy()
    altered_N[position] = token
    return altered_N


def _mass(position: int, answers: Answers, ledgers: list[Ledger]) -> Mass:
    nll_A = np.array([ledger.claimed(position + 1)[position] for ledger in ledgers])
    value, error, e_value = answers.mass(np.exp(-nll_A))
    return Mass(position, value, error, not len(answers.drawn_D), e_value)


def judge(masses: list[Mass], noise: float, alpha: float = 0.001) -> tuple[Verdict, float, float, str]:
    """Verdict, |mean ln Z| (of sampled masses: mean Z − 1), its threshold, and a line of detail."""
    values = np.array([m.value for m in masses])
    if not np.isfinite(values).all():
        return Verdict.FAIL, float("inf"), _MEAN_TOLERANCE, "some probed position has no score"
    low, median, high = values.min(), float(np.median(values)), values.max()
    detail = f"Z at {len(masses)} positions: median {median:.4f}, {low:.4f} to {high:.4f}"
    errors = np.array([m.error for m in masses])
    if all(m.exact for m in masses):
        log_Z = np.log(values)
        mean = float(abs(log_Z.mean()))
        slack = 10.0 * noise if np.isfinite(noise) else 0.0
        bad = mean > _MEAN_TOLERANCE + slack or bool((abs(log_Z) > _POSITION_TOLERANCE + slack).any())
        return (Verdict.FAIL if bad else Verdict.PASS), mean, _MEAN_TOLERANCE + slack, detail
    mean, error = float(values.mean()), float(np.sqrt(np.sum(errors**2)) / len(errors))
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


def _run(subject: Subject, context: Context, kept: bool) -> Outcome:
    if subject.box is None:
        return not_covered("no scorer to run")
    masses, evidence = measure(subject, context, kept)
    verdict, value, threshold, detail = judge(masses, context.noise, context.plan.false_alarm)
    sampled = not all(m.exact for m in masses)
    statistic = "mean Z − 1, sampled" if sampled else "|mean ln Z|"
    return Outcome(
        verdict, statistic, value, threshold, detail, context.noise, evidence if verdict is Verdict.FAIL else None
    )


def run_kept(subject: Subject, context: Context) -> Outcome:
    """The tokens after the probed one stay: sees state that the answer itself helped to fit."""
    return _run(subject, context, kept=True)


def run_removed(subject: Subject, context: Context) -> Outcome:
    """The text ends with the probed token: sees scores that look at their own token."""
    return _run(subject, context, kept=False)


KEPT = Check(
    "T3",
    "mass, suffix kept",
    1,
    "C2",
    "leaks through tokens after the scored one whose masses still sum to one (T1 sees those)",
    run_kept,
)
REMOVED = Check(
    "T3r",
    "mass, suffix removed",
    1,
    "M1",
    "a scorer that leaves a text's very last target out of its loss: shared SLOT passes here and fails with the suffix",
    run_removed,
)
