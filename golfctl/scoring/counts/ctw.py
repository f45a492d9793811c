"""Context-tree weighting over tokens, done right (Willems, Shtarkov, Tjalkens 1995), as a complete next-token row.

Every context of up to `depth` tokens is a node with estimator (c(v) + α) / (n + αV). A node's weighted probability is
the even mixture of its own estimate of everything it saw and the product over *all* its children; conditionals then
mix along the current path as

    p_k(v) = λ_k · estimate_k(v) + (1 − λ_k) · p_{k+1}(v),   λ_k = β_k / (1 + β_k),   p_depth = estimate_depth

with β_k the ratio of the node's two sides, multiplied by estimate_k(x) / p_{k+1}(x) at each token x: only the child on
the path changes, so that one factor is the change of the whole product. Rows are again affine in the counts.

α defaults to 1/V: half, the value for two symbols, drowns a large alphabet. R rows, V vocabulary, K depth.
"""

import numpy as np
import torch

from golfctl.core.machine.compiled import compiled
from golfctl.scoring.config import CtwConfig
from golfctl.scoring.counts.context_counts import (
    COUNT,
    SEEN,
    SHAPE,
    START,
    TOKEN,
    add_located,
    claim_located,
    locate,
    remove,
    room,
)
from golfctl.scoring.counts.counting import CountingScorer

_LIMIT = 60.0  # |log β| beyond which one side has won; kept finite so that it can come back


@compiled
def _count_of(nodes: np.ndarray, pool: np.ndarray, slot: int, token: int) -> int:
    distinct, start = nodes[slot, SHAPE] >> 6, nodes[slot, START]
    if distinct == 1:
        return nodes[slot, SEEN] if start == token else 0
    for j in range(start, start + distinct):
        if pool[j, TOKEN] == token:
            return pool[j, COUNT]
    return 0


@compiled
def _spread(
    nodes: np.ndarray,
    pool: np.ndarray,
    beta: np.ndarray,
    slots: np.ndarray,
    deepest: int,
    alpha: float,
    out_V: np.ndarray,
) -> None:
    """Write the mixed row of the path `slots[: deepest + 1]`; the deepest node has its estimate alone."""
    out_V[:] = 0.0
    vocab, rest, floor = len(out_V), 1.0, 0.0
    for k in range(deepest + 1):
        share = rest if k == deepest else rest / (1.0 + np.exp(-beta[slots[k], 4]))
        rest -= share
        n, distinct, start = nodes[slots[k], SEEN], nodes[slots[k], SHAPE] >> 6, nodes[slots[k], START]
        scale = share / (n + alpha * vocab)
        floor += scale * alpha
        if distinct == 1:
            out_V[start] += scale * n
        else:
            for j in range(start, start + distinct):
                out_V[pool[j, TOKEN]] += scale * pool[j, COUNT]
    out_V += floor


@compiled
def _learn(
    nodes: np.ndarray,
    pool: np.ndarray,
    beta: np.ndarray,
    slots: np.ndarray,
    deepest: int,
    alpha: float,
    vocab: int,
    token: int,
    was_K: np.ndarray,
) -> None:
    """Update every β on the path with `token`, before it is counted; `was_K` keeps the old values."""
    below = 0.0
    for k in range(deepest, -1, -1):
        slot = slots[k]
        own = (_count_of(nodes, pool, slot, token) + alpha) / (nodes[slot, SEEN] + alpha * vocab)
        was_K[k] = beta[slot, 4]
        if k == deepest:
            below = own
            continue
        share = 1.0 / (1.0 + np.exp(-beta[slot, 4]))
        mixed = share * own + (1.0 - share) * below
        beta[slot, 4] = min(max(beta[slot, 4] + np.log(own) - np.log(below), -_LIMIT), _LIMIT)
        below = mixed


@compiled
def _walk(
    nodes: np.ndarray,
    pool: np.ndarray,
    used: np.ndarray,
    beta: np.ndarray,
    tokens_N: np.ndarray,
    first: int,
    depth: int,
    alpha: float,
    begin: int,
    p_RV: np.ndarray,
    match_R: np.ndarray,
    was_RK: np.ndarray,
) -> int:
    """Rows `begin …`, each token counted once its row is written; returns where room ran out."""
    keys, slots = np.empty(depth + 1, np.uint64), np.empty(depth + 1, np.int64)
    scratch_V = np.empty(p_RV.shape[1], np.float64)
    for r in range(begin, p_RV.shape[0]):
        if not room(nodes, pool, used, depth + 1, p_RV.shape[1]):
            return r
        i = first + r
        deepest = min(depth, i)
        seen = locate(nodes, tokens_N, i, deepest, keys, slots)
        match_R[r] = seen
        _spread(nodes, pool, beta, slots, min(seen + 1, deepest), alpha, scratch_V)
        p_RV[r] = scratch_V
        if i < len(tokens_N):
            claim_located(nodes, used, keys, slots, deepest)
            _learn(nodes, pool, beta, slots, deepest, alpha, p_RV.shape[1], tokens_N[i], was_RK[r])
            add_located(nodes, pool, used, keys, slots, deepest, tokens_N[i])
    return p_RV.shape[0]


@compiled
def _unwalk(
    nodes: np.ndarray,
    pool: np.ndarray,
    beta: np.ndarray,
    tokens_N: np.ndarray,
    first: int,
    depth: int,
    was_RK: np.ndarray,
) -> None:
    """Undo `_walk` of tokens `first …`, from the last one back."""
    keys, slots = np.empty(depth + 1, np.uint64), np.empty(depth + 1, np.int64)
    for i in range(len(tokens_N) - 1, first - 1, -1):
        deepest = min(depth, i)
        locate(nodes, tokens_N, i, deepest, keys, slots)
        for k in range(deepest + 1):
            remove(nodes, pool, slots[k], tokens_N[i])
            beta[slots[k], 4] = was_RK[i - first, k]


class CtwScorer(CountingScorer):
    """Context-tree weighting of depth D over observed tokens."""

    part = "ctw"

    def __init__(self, vocab_size: int, config: CtwConfig, device: torch.device, expected_rows: int = 0) -> None:
        self.alpha = config.alpha if config.alpha is not None else 1.0 / vocab_size
        self._was_RK = np.zeros((0, config.depth + 1))
        super().__init__(vocab_size, config.depth, device, 5, expected_rows)

    def fill(self, tokens_N: np.ndarray, first: int, begin: int, p_RV: np.ndarray) -> int:
        """Rows of the weighted tree."""
        c = self.counts
        if begin == 0:
            self._was_RK = np.zeros((len(p_RV), self.longest + 1))
        match_R = self.gate_R if len(self.gate_R) >= len(p_RV) else np.zeros(len(p_RV), np.int64)
        return _walk(
            c.nodes, c.pool, c.used, c.nodes.view(np.float64), tokens_N, first, self.longest, self.alpha, begin, p_RV,
            match_R, self._was_RK,
        )  # fmt: skip

    def uncount(self, tokens_N: np.ndarray, first: int) -> None:
        """Counts are integers and the old weights were kept: undoing is exact."""
        c = self.counts
        _unwalk(c.nodes, c.pool, c.nodes.view(np.float64), tokens_N, first, self.longest, self._was_RK)
