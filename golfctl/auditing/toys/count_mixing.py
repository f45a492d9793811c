"""Toy scorers that mix counts of the text so far: one honest, two that look at the token they score.

Legend: S texts, I = N−1 targets, V vocabulary, H hash buckets.
"""

import numpy as np

from golfctl.auditing.toys.model import VOCAB, ToyModel, pick, plain_rows

WEIGHT, BUCKETS, FLOOR = 0.2, 64, 0.3


def _bigram_rows(text_SN: np.ndarray) -> np.ndarray:
    """Online bigram probabilities before each target, [S, I, V]; zero where the context is new."""
    S, N = text_SN.shape
    counts_SVV = np.zeros((S, VOCAB, VOCAB))
    rows_SIV = np.empty((S, N - 1, VOCAB))
    every = np.arange(S)
    for i in range(N - 1):
        row_SV = counts_SVV[every, text_SN[:, i]]
        rows_SIV[:, i] = row_SV / np.maximum(row_SV.sum(axis=1, keepdims=True), 1.0)
        counts_SVV[every, text_SN[:, i], text_SN[:, i + 1]] += 1.0
    return rows_SIV


def exact_cache(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """Honest: model and bigram counts mixed over the whole vocabulary; counts updated after the score."""
    plain_SIV, cache_SIV = np.exp(plain_rows(model, text_SN)), _bigram_rows(text_SN)
    weight_SI1 = WEIGHT * cache_SIV.sum(axis=-1, keepdims=True)
    return -np.log(pick((1.0 - weight_SI1) * plain_SIV + WEIGHT * cache_SIV, text_SN[:, 1:]))


def oracle_gate(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """The better of two normalised experts for the token that came (#659): the gate knows the answer."""
    plain_SIV, cache_SIV = np.exp(plain_rows(model, text_SN)), _bigram_rows(text_SN)
    seen_SI1 = cache_SIV.sum(axis=-1, keepdims=True)
    other_SIV = (1.0 - (1.0 - FLOOR) * seen_SI1) / VOCAB + (1.0 - FLOOR) * cache_SIV
    return -np.log(np.maximum(pick(plain_SIV, text_SN[:, 1:]), pick(other_SIV, text_SN[:, 1:])))


def hashed_cache(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """Counts under a hash of (context, answer), blended for the answer alone (#779): a mass far above one."""
    S, N = text_SN.shape
    plain_SI = np.exp(pick(plain_rows(model, text_SN), text_SN[:, 1:]))
    context_SH, joint_SH = np.zeros((S, BUCKETS)), np.zeros((S, BUCKETS))
    nll_SI, every, tokens = np.empty((S, N - 1)), np.arange(S), text_SN.astype(np.int64)
    for i in range(N - 1):
        before_S = tokens[:, i - 1] if i else np.zeros(S, np.int64)
        context_S = (tokens[:, i] * 31 + before_S * 17) % BUCKETS
        joint_S = (context_S * 7919 + tokens[:, i + 1] * 104729 >> 3) % BUCKETS
        seen_S, hits_S = context_SH[every, context_S], joint_SH[every, joint_S]
        cache_S = np.minimum(hits_S, seen_S) / np.maximum(seen_S, 1.0)
        weight_S = WEIGHT * (seen_S >= 1)
        nll_SI[:, i] = -np.log((1.0 - weight_S) * plain_SI[:, i] + weight_S * cache_S)
        context_SH[every, context_S] += 1.0
        joint_SH[every, joint_S] += 1.0
    return nll_SI
