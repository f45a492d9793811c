"""Plain oracle of two-sided feedback: every error of earlier weights, found by dense triangular matrices in float64."""

import numpy as np


def unit_upper(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """B unit upper triangular and D with B diag(D) Bᵀ = moments, by peeling off the last row and column each time."""
    left, size = moments.astype(np.float64).copy(), len(moments)
    factor, pivots = np.eye(size), np.zeros(size)
    for k in range(size - 1, -1, -1):
        pivots[k] = left[k, k]
        factor[:k, k] = left[:k, k] / pivots[k]
        left[:k, :k] -= pivots[k] * np.outer(factor[:k, k], factor[:k, k])
    return factor, pivots


def two_sided_codes(weight: np.ndarray, steps: np.ndarray, gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """Codes of `weight`, column by column and row by row, each making its entry of P = Bᴳᵀ Δ Bᴴ as small as it can."""
    rows, columns = unit_upper(gradient)[0], unit_upper(hessian)[0]
    delta, codes = np.zeros(weight.shape), np.zeros(weight.shape)
    for c in range(weight.shape[1]):
        for r in range(weight.shape[0]):
            passed_on = rows[: r + 1, r] @ delta[: r + 1, : c + 1] @ columns[: c + 1, c]
            codes[r, c] = np.rint((weight[r, c] - passed_on) / steps[r, c])
            delta[r, c] = codes[r, c] * steps[r, c] - weight[r, c]
    return codes
