"""Which tokens T3 tries at a position, and what their probabilities say of the mass of all.

Legend: N tokens of the text, V vocabulary, A answers fixed, D answers drawn.
"""

from typing import NamedTuple

import numpy as np


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
