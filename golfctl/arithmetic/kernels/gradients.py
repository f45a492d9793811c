"""Gradients of many rows added up one row after another, so that nothing depends on how many come at once.

R rows, S values of a row, C cells, V vocabulary.
"""

import numpy as np
from torch import Tensor

from golfctl.arithmetic.kernels.compiling import kernel


@kernel
def _add_by_cell(total_CS: np.ndarray, cell_R: np.ndarray, values_RS: np.ndarray) -> None:
    last = total_CS.shape[0] - 1
    for r in range(cell_R.size):
        for s in range(total_CS.shape[1]):
            total_CS[cell_R[r], s] += values_RS[r, s]
            total_CS[last, s] += values_RS[r, s]


@kernel
def _add_excess(total_V: np.ndarray, p_RV: np.ndarray, target_R: np.ndarray) -> None:
    for r in range(target_R.size):
        for v in range(total_V.size):
            total_V[v] += np.float64(p_RV[r, v])
        total_V[target_R[r]] -= 1.0


def add_by_cell(total_CS: Tensor, cell_R: Tensor, values_RS: Tensor) -> None:
    """Add each row of float64 values to its cell and to the last row of `total_CS`, row by row, in place."""
    _add_by_cell(total_CS.numpy(), cell_R.numpy(), values_RS.numpy())


def add_excess(total_V: Tensor, p_RV: Tensor, target_R: Tensor) -> None:
    """Add each row of float32 probabilities less one at its target to the float64 `total_V`, row by row, in place."""
    _add_excess(total_V.numpy(), p_RV.numpy(), target_R.numpy())
