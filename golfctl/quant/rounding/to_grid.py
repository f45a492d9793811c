"""Weights to `grid/1`: steps from the statistics, rounding with two-sided feedback.

R rows, C columns.
"""

import numpy as np
import torch
from torch import Tensor

from golfctl.errors import NumericsError, UsageError
from golfctl.quant.rounding.two_sided import Side, diagonal_side, factor_side, two_sided_codes
from golfctl.quant.scheme_options import GridOptions
from golfctl.quant.schemes.grid import CODE_LIMIT, GRID, OCTAVE, power
from golfctl.quant.stats import LayerStats, damped
from golfctl.quant.tensor import QuantizedTensor
from golfctl.quant.threads import one_thread

_EXPONENT_LIMIT = 127


def to_grid(weight_RC: Tensor, stats: LayerStats | None, options: GridOptions) -> QuantizedTensor:
    """Quantise one finite float32 matrix [R, C] so that every weight costs about the same estimated loss.

    Raises:
        UsageError: no statistics, or none of gradients. NumericsError: moments that are not positive definite, or a
        step so small that codes leave the range of the format.
    """
    if stats is None or stats.gradient is None:
        raise UsageError("grid/1 needs calibration with gradients: give --calibration train or self")
    with one_thread():
        columns = factor_side(damped(stats.hessian_CC.cpu(), options.damping))
        rows = _row_side(stats.gradient.cpu(), options.output_damping)
        row_X, row_center = _exponents(rows)
        column_X, column_center = _exponents(columns)
        step = np.float32(options.step * 2.0 ** ((row_center + column_center) / OCTAVE))
        if not (np.isfinite(step) and step > 0):
            raise NumericsError(f"the step {options.step:g} leaves float32: gradients or inputs of this matrix vanish")
        row_steps_R = torch.from_numpy(step * power(row_X))
        column_steps_C = torch.from_numpy(power(column_X))
        codes_RC = two_sided_codes(weight_RC.cpu(), row_steps_R, column_steps_C, rows, columns)
    largest = float(codes_RC.abs().max())
    if not largest <= CODE_LIMIT:
        raise NumericsError(f"a code of {largest:.3g} is beyond ±{CODE_LIMIT:,}: raise the step")
    parts = {"codes": _narrowed(codes_RC), "rows": row_X, "columns": column_X, "step": np.array([step], np.float32)}
    return QuantizedTensor(GRID.scheme, tuple(weight_RC.shape), parts)


def _row_side(gradient: Tensor, damping: float) -> Side:
    if gradient.ndim == 1:
        return diagonal_side(damped(gradient, damping).diagonal())
    return factor_side(damped(gradient, damping))


def _exponents(side: Side) -> tuple[np.ndarray, int]:
    """−½ log2 of the pivots in quarter octaves, natural order, less their median; and that median."""
    natural_X = torch.empty_like(side.pivots_X)
    natural_X[side.order_X] = side.pivots_X
    exponents_X = torch.round(-0.5 * OCTAVE * torch.log2(natural_X)).long()
    center = int(exponents_X.median())
    return (exponents_X - center).clamp(-_EXPONENT_LIMIT, _EXPONENT_LIMIT).to(torch.int8).numpy(), center


def _narrowed(codes_RC: Tensor) -> np.ndarray:
    """The smallest signed integer type that holds the codes."""
    largest = int(codes_RC.abs().max())
    for kind in (np.int8, np.int16):
        if largest <= np.iinfo(kind).max:
            return codes_RC.numpy().astype(kind)
    return codes_RC.numpy().astype(np.int32)
