"""Sums of a row in float64: 16 partial sums, then a tree; in compiled code.

Partial sum j takes the terms j, j + 16, j + 32, … in order, beginning with 0. Then j takes j + 8 for j < 8, j + 4 for
j < 4, j + 2, j + 1. Nothing depends on how many terms a processor adds at once.
"""

import numpy as np

from golfctl.arithmetic.kernels.compiling import kernel

PARTS = 16


@kernel
def tree_sum(term_N: np.ndarray, part_P: np.ndarray) -> float:
    """The sum of float64 terms; `part_P` is memory for the partial sums."""
    count = term_N.size
    whole = count - count % PARTS
    for j in range(PARTS):
        part_P[j] = 0.0
    for i in range(0, whole, PARTS):
        for j in range(PARTS):
            part_P[j] += term_N[i + j]
    for j in range(count - whole):
        part_P[j] += term_N[whole + j]
    for width in (8, 4, 2, 1):
        for j in range(width):
            part_P[j] += part_P[j + width]
    return part_P[0]


@kernel
def largest(x_N: np.ndarray, part_P: np.ndarray) -> float:
    """The largest value, −∞ for none; NaN where there is one among them."""
    count = x_N.size
    whole = count - count % PARTS
    for j in range(PARTS):
        part_P[j] = -np.inf
    for i in range(0, whole, PARTS):
        for j in range(PARTS):
            x = np.float64(x_N[i + j])
            part_P[j] = part_P[j] if part_P[j] > x else x
    for j in range(count - whole):
        x = np.float64(x_N[whole + j])
        part_P[j] = part_P[j] if part_P[j] > x else x
    for j in range(1, PARTS):
        part_P[0] = part_P[0] if part_P[0] > part_P[j] else part_P[j]
    return part_P[0]
