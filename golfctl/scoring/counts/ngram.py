"""The n-gram leaf: a Pitman-Yor chain over the uniform distribution, from exact counts of what was observed.

    q_k(v) = [max(c_k(v) − d, 0) + (θ + d T_k) q_{k−1}(v)] / (n_k + θ),   q_{−1} = 1/V,   q_k = q_{k−1} where n_k = 0

The chain is affine in the counts, so a row is A/V + Σ_k B_k max(c_k(v) − d, 0), and A + Σ_k B_k (n_k − d T_k) = 1
is checked at every row.

R rows and the places of their tokens, V vocabulary, N tokens, K longest context.
"""

import numpy as np
import torch

from golfctl.core.machine.compiled import compiled
from golfctl.scoring.config import NgramConfig
from golfctl.scoring.counts.context_counts import COUNT, SEEN, SHAPE, START, TOKEN, add_located, locate, room
from golfctl.scoring.counts.counting import CountingScorer
from golfctl.scoring.counts.lane_places import Places

_MASS_TOLERANCE = 1e-9


@compiled
def _spread(
    nodes: np.ndarray,
    pool: np.ndarray,
    slots: np.ndarray,
    deepest: int,
    discount: float,
    strength: float,
    out_V: np.ndarray,
) -> float:
    """Write the row of the contexts at `slots[: deepest + 1]` to `out_V`; returns how far its mass is from one."""
    out_V[:] = 0.0
    rest, mass = 1.0, 0.0
    for k in range(deepest, -1, -1):
        n, distinct, start = nodes[slots[k], SEEN], nodes[slots[k], SHAPE] >> 6, nodes[slots[k], START]
        if n == 0:
            continue
        share = rest / (n + strength)
        if distinct == 1:
            out_V[start] += share * (n - discount)
        else:
            for j in range(start, start + distinct):
                out_V[pool[j, TOKEN]] += share * (pool[j, COUNT] - discount)
        mass += share * (n - discount * distinct)
        rest = share * (strength + discount * distinct)
    out_V += rest / len(out_V)
    return abs(mass + rest - 1.0)


@compiled
def _rows(
    nodes: np.ndarray,
    pool: np.ndarray,
    used: np.ndarray,
    tokens_N: np.ndarray,
    at_R: np.ndarray,
    reach_R: np.ndarray,
    known: int,
    longest: int,
    discount: float,
    strength: float,
    begin: int,
    p_RV: np.ndarray,
    match_R: np.ndarray,
    worst: np.ndarray,
) -> int:
    """Rows `begin …`: row r predicts the token at place r, then counts it if r < known. Returns where room ran out."""
    keys, slots = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int64)
    scratch_V = np.empty(p_RV.shape[1], np.float64)
    for r in range(begin, p_RV.shape[0]):
        if not room(nodes, pool, used, longest + 1, p_RV.shape[1]):
            return r
        match_R[r] = locate(nodes, tokens_N, at_R[r], reach_R[r], keys, slots)
        worst[0] = max(worst[0], _spread(nodes, pool, slots, match_R[r], discount, strength, scratch_V))
        p_RV[r] = scratch_V
        if r < known:
            add_located(nodes, pool, used, keys, slots, reach_R[r], tokens_N[at_R[r]])
    return p_RV.shape[0]


class NgramScorer(CountingScorer):
    """Counts of contexts of 0 … order − 1 observed tokens."""

    part = "ngram"

    def __init__(self, vocab_size: int, config: NgramConfig, device: torch.device, expected_rows: int = 0) -> None:
        """
        Raises:
            ValueError: neither a discount nor a strength, so unseen tokens would have no probability.
        """
        if config.discount == 0 and config.strength == 0:
            raise ValueError("a discount or a strength is needed")
        self.config = config
        super().__init__(vocab_size, config.order - 1, device, expected_rows=expected_rows)

    def fill(self, places: Places, known: int, begin: int, p_RV: np.ndarray) -> int:
        """Rows of the Pitman-Yor chain; checks that each has mass one."""
        c, worst = self.counts, np.zeros(1)
        done = _rows(
            c.nodes, c.pool, c.used, *places, known, c.longest, self.config.discount, self.config.strength, begin, p_RV,
            self.gate_R, worst,
        )  # fmt: skip
        if worst[0] > _MASS_TOLERANCE:
            raise ArithmeticError(f"an n-gram row has mass 1 ± {worst[0]:.1e}")
        return done

    def count(self, places: Places) -> None:
        """Count without rows."""
        self.counts.count_places(*places)

    def uncount(self, tokens_N: np.ndarray, first: int) -> None:
        """Counts are integers: undoing is exact."""
        self.counts.uncount(tokens_N, first)
