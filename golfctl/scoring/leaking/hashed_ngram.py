"""The hashed n-gram cache of PR #761, keyed with the target: a replay form, for reproduction only.

Two tables per order hold hashed counts of contexts and of contexts with their next token. Only the realised token is
looked up, so nothing makes the "probabilities" of all tokens sum to one (#779, #886): it is no distribution.

R rows of a window, V vocabulary.
"""

import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.config import SEED_PRIMES, NgramConfig
from golfctl.scoring.mixing.row_math import entropy
from golfctl.scoring.neural.sliding import NeuralScorer
from golfctl.scoring.protocol import Block


class TargetKeyedCache:
    """Hashed counts for contexts of `min_order - 1` … `order - 1` tokens."""

    def __init__(self, config: NgramConfig) -> None:
        self.config = config
        self.orders = range(config.min_order, config.order + 1)
        self._mask = np.uint64((1 << config.buckets_log2) - 1)
        self._context = {o: np.zeros(1 << config.buckets_log2, np.uint32) for o in self.orders}
        self._full = {o: np.zeros(1 << config.buckets_log2, np.uint32) for o in self.orders}

    def lookup(self, tokens_N: np.ndarray, position_R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the cache claims for the tokens at `position_R`, [R], and whether any order matched, [R]."""
        claim_R, found_R = np.zeros(len(position_R)), np.zeros(len(position_R), bool)
        for order in reversed(self.orders):
            context_R, full_R, valid_R = self._keys(tokens_N, position_R, order)
            n_R = self._context[order][context_R].astype(np.float64)
            take_R = valid_R & ~found_R & (n_R >= self.config.min_count)
            hits_R = np.minimum(self._full[order][full_R], n_R)
            claim_R[take_R] = hits_R[take_R] / n_R[take_R]
            found_R |= take_R
        return claim_R, found_R

    def update(self, tokens_N: np.ndarray, position_R: np.ndarray) -> None:
        """Count the tokens at `position_R`."""
        for order in self.orders:
            context_R, full_R, valid_R = self._keys(tokens_N, position_R, order)
            np.add.at(self._context[order], context_R[valid_R], 1)
            np.add.at(self._full[order], full_R[valid_R], 1)

    def _keys(self, tokens_N: np.ndarray, position_R: np.ndarray, order: int) -> tuple[np.ndarray, ...]:
        width = order - 1
        valid_R = position_R >= width
        hashed_R = np.zeros(len(position_R), np.uint64)
        for k in range(width):
            token_R = tokens_N[np.maximum(position_R - width + k, 0)].astype(np.uint64)
            hashed_R ^= token_R * np.uint64(SEED_PRIMES[k % len(SEED_PRIMES)])
        target_R = tokens_N[position_R].astype(np.uint64) * np.uint64(SEED_PRIMES[width % len(SEED_PRIMES)])
        return hashed_R & self._mask, (hashed_R ^ target_R) & self._mask, valid_R


class ReplayTargetKeyed:
    """Neural rows blended with the cache's claim for the realised token alone."""

    def __init__(
        self, neural: NeuralScorer, config: NgramConfig, tokens_N: np.ndarray, reasons: tuple[str, ...]
    ) -> None:
        """`tokens_N` is the whole stream: this form looks targets up."""
        self.neural = neural
        self.config = config
        self.cache = TargetKeyedCache(config)
        self.tokens_N = tokens_N
        self.reasons = reasons

    def score(self, block: Block, targets: np.ndarray) -> Tensor:
        """ "Nats" of the scored rows, window after window; the cache learns after each window."""
        rows_RV = self.neural.predict(block)
        c, parts = self.config, []
        for window in block.windows:
            position_R = np.arange(window.first, window.stop) + 1
            part_RV = rows_RV[window.first - block.first : window.stop - block.first]
            index_R1 = torch.from_numpy(self.tokens_N[position_R].astype(np.int64))[:, None].to(part_RV.device)
            p_R = part_RV.gather(1, index_R1)[:, 0].double().exp().cpu().numpy()
            alpha_R = c.alpha_low + c.alpha_span / (
                1 + np.exp(-c.alpha_slope * (entropy(part_RV).double().cpu().numpy() - c.alpha_center))
            )
            claim_R, found_R = self.cache.lookup(self.tokens_N, position_R)
            blended_R = np.where(found_R, (1 - alpha_R) * p_R + alpha_R * claim_R, p_R)
            parts.append(-np.log(np.clip(blended_R, 1e-12, 1.0)))
            self.cache.update(self.tokens_N, position_R)
        return torch.from_numpy(np.concatenate(parts))

    def observe(self, block: Block, targets: np.ndarray) -> None:
        """The cache learnt while scoring."""
