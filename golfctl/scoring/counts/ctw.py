"""Context-tree weighting over tokens, done right (Willems, Shtarkov, Tjalkens 1995), as a complete next-token row.

Every context of up to `depth` tokens is a node with estimator (c(v) + α) / (n + αV). A node's weighted probability is
the even mixture of its own estimate of everything it saw and the product over *all* its children; conditionals then
mix along the current path as

    p_k(v) = λ_k · estimate_k(v) + (1 − λ_k) · p_{k+1}(v),   λ_k = β_k / (1 + β_k),   p_depth = estimate_depth

with β_k the ratio of the node's two sides, multiplied by estimate_k(x) / p_{k+1}(x) at each token x: only the child on
the path changes, so that one factor is the change of the whole product. Rows are again affine in the counts.

α defaults to 1/V: half, the value for two symbols, drowns a large alphabet. R rows and the places of their tokens, V
vocabulary, K depth.
"""

import numpy as np
import torch

from golfctl.arithmetic.kernels.elementary import exp64, log64
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
from golfctl.scoring.counts.lane_places import Places

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
        share = rest if k == deepest else rest / (1.0 + exp64(-beta[slots[k], 4]))
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
        share = 1.0 / (1.0 + exp64(-beta[slot, 4]))
        mixed = share * own + (1.0 - share) * below
        beta[slot, 4] = min(max(beta[slot, 4] + log64(own) - log64(below), -_LIMIT), _LIMIT)
        below = mixed


@compiled
def _count(
    nodes: np.ndarray,
    pool: np.ndarray,
    used: np.ndarray,
    beta: np.ndarray,
    keys: np.ndarray,
    slots: np.ndarray,
    deepest: int,
    alpha: float,
    vocab: int,
    token: int,
    was_K: np.ndarray,
) -> None:
    """Learn from `token` and count it after the contexts located."""
    claim_located(nodes, used, keys, slots, deepest)
    _learn(nodes, pool, beta, slots, deepest, alpha, vocab, token, was_K)
    add_located(nodes, pool, used, keys, slots, deepest, token)


@compiled
def _walk(
    nodes: np.ndarray,
    pool: np.ndarray,
    used: np.ndarray,
    beta: np.ndarray,
    tokens_N: np.ndarray,
    at_R: np.ndarray,
    reach_R: np.ndarray,
    known: int,
    depth: int,
    alpha: float,
    begin: int,
    p_RV: np.ndarray,
    match_R: np.ndarray,
    was_RK: np.ndarray,
) -> int:
    """Rows `begin …`, each of the first `known` tokens counted once its row is written; returns where room ran out."""
    keys, slots = np.empty(depth + 1, np.uint64), np.empty(depth + 1, np.int64)
    vocab = p_RV.shape[1]
    scratch_V = np.empty(vocab, np.float64)
    for r in range(begin, p_RV.shape[0]):
        if not room(nodes, pool, used, depth + 1, vocab):
            return r
        seen = locate(nodes, tokens_N, at_R[r], reach_R[r], keys, slots)
        match_R[r] = seen
        _spread(nodes, pool, beta, slots, min(seen + 1, reach_R[r]), alpha, scratch_V)
        p_RV[r] = scratch_V
        if r < known:
            _count(nodes, pool, used, beta, keys, slots, reach_R[r], alpha, vocab, tokens_N[at_R[r]], was_RK[r])
    return p_RV.shape[0]


@compiled
def _count_places(
    nodes: np.ndarray,
    pool: np.ndarray,
    used: np.ndarray,
    beta: np.ndarray,
    tokens_N: np.ndarray,
    at_R: np.ndarray,
    reach_R: np.ndarray,
    depth: int,
    alpha: float,
    vocab: int,
    begin: int,
) -> int:
    """Count the tokens at places `begin …` without rows; returns where room ran out."""
    keys, slots = np.empty(depth + 1, np.uint64), np.empty(depth + 1, np.int64)
    was_K = np.empty(depth + 1)
    for r in range(begin, len(at_R)):
        if not room(nodes, pool, used, depth + 1, vocab):
            return r
        locate(nodes, tokens_N, at_R[r], reach_R[r], keys, slots)
        _count(nodes, pool, used, beta, keys, slots, reach_R[r], alpha, vocab, tokens_N[at_R[r]], was_K)
    return len(at_R)


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

    def fill(self, places: Places, known: int, begin: int, p_RV: np.ndarray) -> int:
        """Rows of the weighted tree."""
        c = self.counts
        if begin == 0:
            self._was_RK = np.zeros((known, self.longest + 1))
        return _walk(
            c.nodes, c.pool, c.used, c.nodes.view(np.float64), *places, known, self.longest, self.alpha, begin, p_RV,
            self.gate_R, self._was_RK,
        )  # fmt: skip

    def count(self, places: Places) -> None:
        """Learn and count without rows."""

        def work(begin: int) -> int:
            c = self.counts
            done: int = _count_places(
                c.nodes, c.pool, c.used, c.nodes.view(np.float64), *places, self.longest, self.alpha, self.vocab_size,
                begin,
            )  # fmt: skip
            return done

        self.with_room(work, len(places.at_R))

    def uncount(self, tokens_N: np.ndarray, first: int) -> None:
        """Counts are integers and the old weights were kept: undoing is exact."""
        c = self.counts
        _unwalk(c.nodes, c.pool, c.nodes.view(np.float64), tokens_N, first, self.longest, self._was_RK)
