"""The n-gram leaf: a Pitman-Yor chain over the uniform distribution, from exact counts of what was observed.

    q_k(v) = [max(c_k(v) − d, 0) + (θ + d T_k) q_{k−1}(v)] / (n_k + θ),   q_{−1} = 1/V,   q_k = q_{k−1} where n_k = 0

The chain is affine in the counts, so a row is A/V + Σ_k B_k max(c_k(v) − d, 0), and A + Σ_k B_k (n_k − d T_k) = 1
is checked at every row. Earlier tokens of a block count at once (they are counted as an overlay and uncounted should
they turn out otherwise), so rows do not depend on how the stream is cut into blocks.

R rows, V vocabulary, N tokens, K longest context.
"""

import hashlib

import numba
import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.config import NgramConfig
from golfctl.scoring.counts import ContextCounts, add_located, locate, room
from golfctl.scoring.history import History
from golfctl.scoring.protocol import Block

_MASS_TOLERANCE = 1e-9


@numba.njit(cache=True)
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
        n, distinct, start = nodes[slots[k], 1], nodes[slots[k], 2] >> 6, nodes[slots[k], 3]
        if n == 0:
            continue
        share = rest / (n + strength)
        if distinct == 1:
            out_V[start] += share * (n - discount)
        else:
            for j in range(start, start + distinct):
                out_V[pool[j, 0]] += share * (pool[j, 1] - discount)
        mass += share * (n - discount * distinct)
        rest = share * (strength + discount * distinct)
    out_V += rest / len(out_V)
    return abs(mass + rest - 1.0)


@numba.njit(cache=True)
def _rows(
    nodes: np.ndarray,
    pool: np.ndarray,
    used: np.ndarray,
    tokens_N: np.ndarray,
    first: int,
    longest: int,
    discount: float,
    strength: float,
    begin: int,
    p_RV: np.ndarray,
    match_R: np.ndarray,
    worst: np.ndarray,
) -> int:
    """Rows `begin …`: row r predicts token `first + r`, then counts it if it is there. Returns where room ran out."""
    keys, slots = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int64)
    scratch_V = np.empty(p_RV.shape[1], np.float64)
    for r in range(begin, p_RV.shape[0]):
        if not room(nodes, pool, used, longest + 1, p_RV.shape[1]):
            return r
        i = first + r
        deepest = min(longest, i)
        match_R[r] = locate(nodes, tokens_N, i, deepest, keys, slots)
        worst[0] = max(worst[0], _spread(nodes, pool, slots, match_R[r], discount, strength, scratch_V))
        p_RV[r] = scratch_V
        if i < len(tokens_N):
            add_located(nodes, pool, used, keys, slots, deepest, tokens_N[i])
    return p_RV.shape[0]


class NgramScorer:
    """Counts of contexts of 0 … order − 1 observed tokens."""

    barrier_rows: int | None = None

    def __init__(self, vocab_size: int, config: NgramConfig, device: torch.device) -> None:
        """
        Raises:
            ValueError: neither a discount nor a strength, so unseen tokens would have no probability.
        """
        if config.discount == 0 and config.strength == 0:
            raise ValueError("a discount or a strength is needed")
        self.vocab_size = vocab_size
        self.config = config
        self.device = device
        self.gates = config.order
        self.gate_R = np.zeros(0, np.int64)
        self.reset(np.zeros(0, np.int64))

    def reset(self, prefix_N: np.ndarray) -> None:
        """Empty tables; the prefix is context, not a count."""
        self._counts = ContextCounts(self.config.order - 1, self.vocab_size)
        self._history = History(prefix_N)
        self._ahead = np.zeros(0, np.int64)

    def predict(self, block: Block) -> Tensor:
        """Log-probability rows [R, V]; `gate_R` is the longest context seen before, per row."""
        self._forget_ahead()
        tokens_N, first = self._with_context(block.inputs(block.first + 1, block.stop))
        p_RV = np.empty((block.rows, self.vocab_size), np.float32)
        self.gate_R = np.empty(block.rows, np.int64)
        worst, done, c = np.zeros(1), 0, self._counts
        discount, strength = self.config.discount, self.config.strength
        while done < block.rows:
            done = _rows(
                c.nodes, c.pool, c.used, tokens_N, first, c.longest, discount, strength, done, p_RV, self.gate_R, worst
            )
            if done < block.rows:
                c.grow()
        if worst[0] > _MASS_TOLERANCE:
            raise ArithmeticError(f"an n-gram row has mass 1 ± {worst[0]:.1e}")
        self._ahead = tokens_N[first:]
        return torch.from_numpy(p_RV).to(self.device).log_()

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """Count the block's targets, most of which the overlay has counted already."""
        if not np.array_equal(self._ahead, targets_R[:-1]):
            self._forget_ahead()
        known = len(self._ahead)
        tokens_N, first = self._with_context(targets_R)
        self._counts.count(tokens_N, first + known)
        self._history.extend(targets_R)
        self._ahead = np.zeros(0, np.int64)

    def _with_context(self, tokens_N: np.ndarray) -> tuple[np.ndarray, int]:
        """`tokens_N` behind as much history as contexts reach back, and where they begin."""
        context_N = self._history.tokens_N[max(0, len(self._history.tokens_N) - self._counts.longest) :]
        return np.concatenate([context_N, tokens_N]).astype(np.int64), len(context_N)

    def _forget_ahead(self) -> None:
        if len(self._ahead):
            self._counts.uncount(*self._with_context(self._ahead))
            self._ahead = np.zeros(0, np.int64)

    def state_id(self) -> str:
        """Digest of the observed tokens: all counts are a function of them."""
        return hashlib.sha256(self._history.tokens_N.tobytes()).hexdigest()
