"""What one number, or one row, is made of a whole row: softmax and its relatives, sums, products of two rows.

All of it is computed in float64 and rounded once to the dtype that came in. M is a row's largest value, the sums are
those of `sums.py`. Shapes: R rows, V values of a row, P partial sums.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from golfctl.arithmetic.kernels.arrays import kernel_call, rows, work
from golfctl.arithmetic.kernels.compiling import kernel
from golfctl.arithmetic.kernels.elementary import LEAST, exp64, log64
from golfctl.arithmetic.kernels.sums import PARTS, largest, tree_sum
from golfctl.errors import UsageError

_COST = 24
"""Operations of one value, about."""


@kernel
def _exponentials(x_V: np.ndarray, term_V: np.ndarray, part_P: np.ndarray) -> float:
    """Write exp(x − M) and return M."""
    top = largest(x_V, part_P)
    for i in range(x_V.size):
        term_V[i] = exp64(np.float64(x_V[i]) - top)
    return top


@kernel
def _softmax(first: int, stop: int, x_RV: np.ndarray, y_RV: np.ndarray) -> None:
    term_V, part_P = np.empty(x_RV.shape[1]), np.empty(PARTS)
    for r in range(first, stop):
        _exponentials(x_RV[r], term_V, part_P)
        inverse = 1.0 / tree_sum(term_V, part_P)
        for i in range(term_V.size):
            y_RV[r, i] = term_V[i] * inverse


@kernel
def _log_softmax(first: int, stop: int, x_RV: np.ndarray, y_RV: np.ndarray) -> None:
    term_V, part_P = np.empty(x_RV.shape[1]), np.empty(PARTS)
    for r in range(first, stop):
        top = _exponentials(x_RV[r], term_V, part_P)
        total = log64(tree_sum(term_V, part_P))
        for i in range(term_V.size):
            y_RV[r, i] = (np.float64(x_RV[r, i]) - top) - total


@kernel
def _logsumexp(first: int, stop: int, x_RV: np.ndarray, y_R: np.ndarray) -> None:
    term_V, part_P = np.empty(x_RV.shape[1]), np.empty(PARTS)
    for r in range(first, stop):
        top = _exponentials(x_RV[r], term_V, part_P)
        y_R[r] = top + log64(tree_sum(term_V, part_P)) if top > -np.inf else top


@kernel
def _entropy(first: int, stop: int, x_RV: np.ndarray, y_R: np.ndarray) -> None:
    term_V, part_P = np.empty(x_RV.shape[1]), np.empty(PARTS)
    for r in range(first, stop):
        for i in range(term_V.size):
            x = np.float64(x_RV[r, i])
            term_V[i] = 0.0 if x < LEAST else exp64(x) * x
        y_R[r] = -tree_sum(term_V, part_P)


@kernel
def _sum(first: int, stop: int, x_RV: np.ndarray, y_R: np.ndarray) -> None:
    term_V, part_P = np.empty(x_RV.shape[1]), np.empty(PARTS)
    for r in range(first, stop):
        for i in range(term_V.size):
            term_V[i] = x_RV[r, i]
        y_R[r] = tree_sum(term_V, part_P)


@kernel
def _dot(first: int, stop: int, a_RV: np.ndarray, b_RV: np.ndarray, y_R: np.ndarray) -> None:
    term_V, part_P = np.empty(a_RV.shape[1]), np.empty(PARTS)
    for r in range(first, stop):
        for i in range(term_V.size):
            term_V[i] = np.float64(a_RV[r, i]) * np.float64(b_RV[r, i])
        y_R[r] = tree_sum(term_V, part_P)


@kernel_call
def softmax(x: Tensor) -> Tensor:
    """exp(x − M) · (1 / Σ exp(x − M)) over the last dimension."""
    return _to_rows(_softmax, x)


@kernel_call
def log_softmax(x: Tensor) -> Tensor:
    """(x − M) − ln Σ exp(x − M) over the last dimension."""
    return _to_rows(_log_softmax, x)


@kernel_call
def logsumexp(x: Tensor) -> Tensor:
    """M + ln Σ exp(x − M) over the last dimension, which goes; −∞ where all are."""
    return _to_numbers(_logsumexp, x)


@kernel_call
def entropy_of_log_rows(x: Tensor) -> Tensor:
    """−Σ x · exp(x) over the last dimension, which goes; terms below −708 are 0."""
    return _to_numbers(_entropy, x)


@kernel_call
def sum_last(x: Tensor) -> Tensor:
    """The sum over the last dimension, which goes."""
    return _to_numbers(_sum, x)


@kernel_call
def dot_last(a: Tensor, b: Tensor) -> Tensor:
    """Σ a · b over the last dimension, which goes; shapes are broadcast, the dtype is one.

    Raises:
        UsageError: the dtypes differ.
    """
    if a.dtype != b.dtype:
        raise UsageError(f"dot_last takes two tensors of one dtype, and met {a.dtype} and {b.dtype}")
    if a.shape != b.shape:
        a, b = torch.broadcast_tensors(a, b)
    return _to_numbers(_dot, a, b)


def _to_rows(function: Any, x: Tensor) -> Tensor:
    x_RV = rows(x)
    y_RV = np.empty_like(x_RV)
    work(function, len(x_RV), _COST * x_RV.shape[1], x_RV, y_RV)
    return torch.from_numpy(y_RV.reshape(x.shape))


def _to_numbers(function: Any, *xs: Tensor) -> Tensor:
    arrays = [rows(x) for x in xs]
    y_R = np.empty(len(arrays[0]), dtype=arrays[0].dtype)
    work(function, len(y_R), _COST * arrays[0].shape[1], *arrays, y_R)
    return torch.from_numpy(y_R.reshape(xs[0].shape[:-1]))
