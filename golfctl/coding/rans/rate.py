"""How many bits `rans/1` will need, without coding: for solvers that try many step sizes."""

import itertools
import math

import numpy as np

from golfctl.coding.base import Array
from golfctl.coding.rans.coder import matrix_shape
from golfctl.coding.rans.side import choose_side, side_bits

_FIXED_BITS = 8 * 24.0  # header, first state, the last word's slack


def estimate_bits(codes: Array) -> float:
    """Size of the `rans/1` stream of `codes` in bits, side information and header included.

    Spreads come from moments and a short search instead of the full one, so this is up to half a percent high on
    matrices of 10^5 codes, and less on larger ones. `codes`: integers of any shape.
    """
    if codes.size == 0:
        return 0.0
    from golfctl.coding.rans.fit import quick_fit

    codes_RC = np.ascontiguousarray(codes.reshape(matrix_shape(codes.shape)).astype(np.int32))
    found = quick_fit(codes_RC, int(codes_RC.min()), int(codes_RC.max()))
    sides = sum(side_bits(values, choose_side(values)) for values in (found.rows_R, found.columns_C))
    return found.bits + sides + _FIXED_BITS


def gaussian_bits(step_over_spread: float) -> float:
    """Bits per code of a Gaussian of spread σ rounded to multiples of `step_over_spread`·σ, for forecasts.

    0.5·log2(2πe) − log2(step/σ) for fine steps; exact sums for coarse ones.
    """
    if step_over_spread < 0.25:
        return 0.5 * math.log2(2 * math.pi * math.e) - math.log2(step_over_spread)
    reach = math.ceil(12 / step_over_spread)
    edges = [(k + 0.5) * step_over_spread / math.sqrt(2) for k in range(-reach - 1, reach + 1)]
    cumulative = [math.erf(edge) for edge in edges]
    shares = [(b - a) / 2 for a, b in itertools.pairwise(cumulative)]
    return -sum(p * math.log2(p) for p in shares if p > 0)
