"""Plain oracles of the row quantisers: loops over rows and columns in float64, straight from the definitions."""

import numpy as np

PERCENTILES = (0.999, 0.9995, 0.9999, 0.99999, 1.0)


def row_codes(weight: np.ndarray, scales: np.ndarray, limit: int) -> np.ndarray:
    """Nearest integer to w/s, half to even, clamped."""
    codes = np.empty(weight.shape)
    for r in range(weight.shape[0]):
        for c in range(weight.shape[1]):
            codes[r, c] = min(max(round(float(weight[r, c]) / float(scales[r])), -limit), limit)
    return codes


def percentile_search(weight: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales of the percentile with the smallest squared error of the whole matrix."""
    best = None
    for percentile in PERCENTILES:
        ranges = np.quantile(np.abs(weight).astype(np.float64), percentile, axis=1)
        scales = (ranges / limit).astype(np.float16).astype(np.float64)
        codes = row_codes(weight, scales, limit)
        error = np.square(weight - codes * scales[:, None]).sum()
        if best is None or error < best[0]:
            best = (error, codes, scales)
    return best[1], best[2]


def gptq_codes(weight: np.ndarray, hessian: np.ndarray, scales: np.ndarray, limit: int | None) -> np.ndarray:
    """GPTQ column by column, dropping each rounded column from the Hessian and solving again for the rest.

    The optimal update after fixing column j is w_rest -= e · H⁻¹[j, rest] / H⁻¹[j, j], with H over the columns
    that remain: no factorisation, no blocks.
    """
    work, codes = weight.astype(np.float64).copy(), np.zeros(weight.shape)
    columns = weight.shape[1]
    for j in range(columns):
        inverse = np.linalg.inv(hessian[j:, j:])
        rounded = np.rint(work[:, j] / scales)
        codes[:, j] = rounded if limit is None else np.clip(rounded, -limit, limit)
        error = work[:, j] - codes[:, j] * scales
        work[:, j + 1 :] -= np.outer(error, inverse[0, 1:] / inverse[0, 0])
    return codes


def hessian_error(delta: np.ndarray, hessian: np.ndarray) -> float:
    """tr(Δ H Δᵀ)."""
    return float(np.trace(delta @ hessian @ delta.T))
