"""T3: put every token of the vocabulary in one place; what the scorer grants them must sum to one.

Legend: N tokens of the text, V vocabulary, A answers tried, P positions probed.
"""

from typing import NamedTuple

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.ledger import Ledger
from golfctl.auditing.probes import cut_positions, rng_for
from golfctl.auditing.subject import Context, Subject

_POSITION_TOLERANCE = 1e-3  # |ln Z| at one position
_MEAN_TOLERANCE = 1e-4  # |mean ln Z|
_SIGMAS = 5.0
_USELESS_ERROR = 0.25  # a sampled mass with a larger standard error says nothing


class Answers(NamedTuple):
    """Tokens to try at a position and the weight that turns Σ weight·exp(−NLL) into an estimate of the mass."""

    tokens_A: np.ndarray
    weight_A: np.ndarray
    exact: bool


class Mass(NamedTuple):
    """The mass at one position; `error` is its standard error (0 when `exact`: all of V was tried)."""

    position: int
    value: float
    error: float
    exact: bool


def choose_answers(vocab_size: int, count: int, proposal_V: np.ndarray | None, rng: np.random.Generator) -> Answers:
    """The whole vocabulary when `count` is 0 or covers it; else a quarter uniform draws, the rest from the proposal.

    Both strata are weighted by the mixture's density, so the estimate is unbiased whatever the proposal is.
    """
    if count == 0 or count >= vocab_size:
        return Answers(np.arange(vocab_size), np.ones(vocab_size), True)
    if proposal_V is None:
        return Answers(rng.integers(0, vocab_size, count), np.full(count, vocab_size / count), False)
    uniform = -(-count // 4)
    proposal_V = proposal_V / proposal_V.sum()
    drawn = rng.choice(vocab_size, count - uniform, p=proposal_V)
    tokens_A = np.concatenate([rng.integers(0, vocab_size, uniform), drawn])
    density_A = (uniform / vocab_size + (count - uniform) * proposal_V[tokens_A]) / count
    return Answers(tokens_A, 1.0 / density_A / count, False)


def measure(subject: Subject, context: Context, kept: bool) -> tuple[list[Mass], Evidence | None]:
    """The masses at random positions, suffix kept or removed, and the evidence of the worst one."""
    plan, box = context.plan, subject.box
    if box is None:
        return [], None
    rng = rng_for(plan.seed, "T3" if kept else "T3r")
    text_N = subject.text_N[: plan.mass_tokens]
    positions = 1 + cut_positions(len(text_N), plan.mass_positions, rng)
    texts: list[np.ndarray] = []
    answers_P = []
    for position in positions:
        proposal_V = None if subject.source is None or not plan.mass_answers else subject.source.row(text_N[:position])
        answers = choose_answers(box.vocab_size, plan.mass_answers, proposal_V, rng)
        answers_P.append(answers)
        texts += [_with_answer(text_N, int(position), int(token), kept) for token in answers.tokens_A]
    ledgers = iter(box.score(texts))
    masses = []
    for position, answers in zip(positions, answers_P, strict=True):
        masses.append(_mass(int(position), answers, [next(ledgers) for _ in answers.tokens_A]))
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
    share_A = answers.weight_A * np.exp(-nll_A)
    value = float(np.sum(share_A))
    error = 0.0 if answers.exact else float(np.std(share_A * len(share_A), ddof=1) / np.sqrt(len(share_A)))
    return Mass(position, value, error, answers.exact)


def judge(masses: list[Mass], noise: float) -> tuple[Verdict, float, float, str]:
    """Verdict, |mean ln Z| (of sampled masses: |mean Z − 1|), its threshold, and a line of detail."""
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
    detail = f"mean Z {mean:.4f} ± {error:.4f} from samples at {len(masses)} positions"
    threshold = max(_SIGMAS * error, _POSITION_TOLERANCE)
    if abs(mean - 1.0) > threshold:
        return Verdict.FAIL, abs(mean - 1.0), threshold, detail
    return (Verdict.INCONCLUSIVE if error > _USELESS_ERROR else Verdict.PASS), abs(mean - 1.0), threshold, detail


def _run(subject: Subject, context: Context, kept: bool) -> Outcome:
    if subject.box is None:
        return not_covered("no scorer to run")
    masses, evidence = measure(subject, context, kept)
    verdict, value, threshold, detail = judge(masses, context.noise)
    sampled = not all(m.exact for m in masses)
    statistic = "|mean Z − 1|, sampled" if sampled else "|mean ln Z|"
    shown = value if np.isfinite(value) else None
    return Outcome(
        verdict, statistic, shown, threshold, detail, context.noise, evidence if verdict is Verdict.FAIL else None
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
