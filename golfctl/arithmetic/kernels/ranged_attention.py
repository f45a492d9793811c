"""Attention of each row over a range of keys, summed from the first visible key.

A score is Σ q · k in float32, by 16 partial sums over the dimensions and their tree. A term is exp((score − M) · 1/√d)
in float64, a share is the term rounded to float32; y = (Σ share · v in float32, keys in order) · (1 / Σ term), rounded
once. So a row's bits depend on the keys that it sees and on nothing else: not on their place, nor on other rows.

Shapes: B batch, T rows, S keys, H query heads, K key-value heads (each shared by G = H / K), d head dimension.
"""

import math

import numpy as np
import torch
from torch import Tensor

from golfctl.arithmetic.kernels.arrays import kernel_call, singles, work
from golfctl.arithmetic.kernels.compiling import kernel
from golfctl.arithmetic.kernels.elementary import exp64
from golfctl.arithmetic.kernels.sums import largest, tree_sum
from golfctl.arithmetic.kernels.tiles import KEYS, PARTS, scores_of_4, values_of_16, values_of_32, values_of_64
from golfctl.errors import UsageError


@kernel
def _scores(
    q: np.ndarray, place: int, k: np.ndarray, start: int, far: int, count: int, size: int, score: np.ndarray
) -> None:
    """Write the scores of `count` keys, 4 at a time; the last 4 overlap those before, or are copied."""
    for key in range(0, count - KEYS + 1, KEYS):
        scores_of_4(q, place, k, start + key * far, score, key, size // PARTS, far)
    if count % KEYS and count >= KEYS:
        key = count - KEYS
        scores_of_4(q, place, k, start + key * far, score, key, size // PARTS, far)
    for key in range(count if count < KEYS else 0):  # one key four times
        scores_of_4(q, place, k, start + key * far, score, key, size // PARTS, 0)


@kernel
def _values(
    share: np.ndarray, v: np.ndarray, start: int, far: int, count: int, size: int, y: np.ndarray, place: int
) -> None:
    i = 0
    while size - i >= 64:
        values_of_64(share, 0, v, start + i, y, place + i, count, far)
        i += 64
    if size - i >= 32:
        values_of_32(share, 0, v, start + i, y, place + i, count, far)
        i += 32
    if size - i >= 16:
        values_of_16(share, 0, v, start + i, y, place + i, count, far)


@kernel
def _attend(
    first: int,
    stop: int,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    sizes: tuple[int, int, int, int, int, int],
    low_BT: np.ndarray,
    high_BT: np.ndarray,
    scale: float,
    y: np.ndarray,
) -> None:
    """Key-value heads `first` to `stop` of all sequences; q and y are flat [B, T, H, d], k and v flat [B, S, K, d]."""
    length, keys, heads, groups, size, fold = sizes
    score, term = np.empty(keys + KEYS, np.float32), np.empty(keys)
    part_P, far = np.empty(PARTS), groups * size
    for unit in range(first, stop):
        b, g = unit // groups, unit % groups
        for t in range(length):
            low, count = low_BT[b, t], high_BT[b, t] - low_BT[b, t]
            start = ((b * keys + low) * groups + g) * size
            for h in range(g * fold, (g + 1) * fold):
                place = ((b * length + t) * heads + h) * size
                _scores(q, place, k, start, far, count, size, score)
                top = largest(score[:count], part_P)
                for i in range(count):
                    term[i] = exp64((np.float64(score[i]) - top) * scale)
                    score[i] = term[i]
                inverse = 1.0 / tree_sum(term[:count], part_P) if count else 0.0
                _values(score, v, start, far, count, size, y, place)
                for i in range(place, place + size):
                    y[i] = np.float64(y[i]) * inverse


@kernel_call
def attend(q_BTHd: Tensor, k_BSKd: Tensor, v_BSKd: Tensor, low_BT: Tensor, high_BT: Tensor) -> Tensor:
    """softmax(q kᵀ / √d) v as y_BTHd, row t of sequence b over the keys [low, high); zeros where there are none.

    Args:
        q_BTHd: queries, float32.
        k_BSKd: keys; each head is shared by H / K heads of queries that follow each other.
        v_BSKd: values.
        low_BT: first visible key, int64.
        high_BT: the key after the last visible one.

    Raises:
        UsageError: shapes, dtypes or ranges do not fit.
    """
    (batch, length, heads, size), (keys, groups) = q_BTHd.shape, k_BSKd.shape[1:3]
    fits = k_BSKd.shape == v_BSKd.shape == (batch, keys, groups, size) and heads % groups == 0
    if not fits or low_BT.shape != (batch, length) or high_BT.shape != (batch, length):
        shapes = [tuple(x.shape) for x in (q_BTHd, k_BSKd, v_BSKd, low_BT, high_BT)]
        raise UsageError(f"attend: queries, keys, values and ranges of shapes {shapes} do not go together")
    low, high = (np.ascontiguousarray(x.numpy(), dtype=np.int64) for x in (low_BT, high_BT))
    if low.size and not (low.min() >= 0 and (low <= high).all() and high.max() <= keys):
        raise UsageError(f"attend: ranges of keys must lie within 0 to {keys:,}")
    q, k, v = (_filled(x, size) for x in singles(q_BTHd, k_BSKd, v_BSKd))
    y = np.empty_like(q)
    sizes = (length, keys, heads, groups, q.shape[-1], heads // groups)
    cost = int((high - low).sum()) // max(1, batch) * (heads // groups) * (size // 4 + 16)
    scale = 1.0 / math.sqrt(size)
    flat = [x.reshape(-1) for x in (q, k, v)]
    work(_attend, batch * groups, cost, *flat, sizes, low, high, scale, y.reshape(-1))
    return torch.from_numpy(np.ascontiguousarray(y[..., :size]))


def _filled(x: np.ndarray, size: int) -> np.ndarray:
    """Zeros after the last dimension, up to a multiple of 16: they leave every sum as it is."""
    beyond = -size % PARTS
    return np.pad(x, ((0, 0), (0, 0), (0, 0), (0, beyond))) if beyond else x
