"""Norms and rotation: each value is computed in float64 from float32 ones, and rounded once.

Shapes: B batch, T positions, H heads, d head dimension, r half of the rotated dimensions, N rows, D values of a row.
"""

import math

import numpy as np
import torch
from torch import Tensor

from golfctl.arithmetic.kernels.arrays import kernel_call, rows, singles, work
from golfctl.arithmetic.kernels.compiling import kernel
from golfctl.arithmetic.kernels.elementary import FARTHEST, cos64, power64, sin64
from golfctl.arithmetic.kernels.sums import PARTS, tree_sum
from golfctl.errors import UsageError

EPSILON = 2.0**-23
"""Added to the mean square: float32's epsilon."""
_COST = 4
"""Operations of one value, about."""


@kernel
def _inverse_root(x_D: np.ndarray, wide_D: np.ndarray, part_P: np.ndarray) -> float:
    """1 / √(Σ x² / D + ε); `wide_D` is memory."""
    for i in range(x_D.size):
        x = np.float64(x_D[i])
        wide_D[i] = x * x
    return 1.0 / math.sqrt(tree_sum(wide_D, part_P) / x_D.size + EPSILON)


@kernel
def _rms(first: int, stop: int, x_ND: np.ndarray, scale: float, y_ND: np.ndarray) -> None:
    wide_D, part_P = np.empty(x_ND.shape[1]), np.empty(PARTS)
    for n in range(first, stop):
        factor = scale * _inverse_root(x_ND[n], wide_D, part_P)
        for i in range(wide_D.size):
            y_ND[n, i] = np.float64(x_ND[n, i]) * factor


@kernel
def _align(
    first: int,
    stop: int,
    x_NHd: np.ndarray,
    cos_Tr: np.ndarray,
    sin_Tr: np.ndarray,
    gain_H: np.ndarray,
    y_NHd: np.ndarray,
) -> None:
    heads, size, half = x_NHd.shape[1], x_NHd.shape[2], cos_Tr.shape[1]
    wide_d, part_P = np.empty(size), np.empty(PARTS)
    for n in range(first, stop):
        cos_r, sin_r = cos_Tr[n % len(cos_Tr)], sin_Tr[n % len(cos_Tr)]
        for h in range(heads):
            x_d, y_d = x_NHd[n, h], y_NHd[n, h]
            factor = np.float64(gain_H[h]) * _inverse_root(x_d, wide_d, part_P)
            for i in range(half):
                a, b = np.float64(x_d[i]) * factor, np.float64(x_d[half + i]) * factor
                cos, sin = np.float64(cos_r[i]), np.float64(sin_r[i])
                y_d[i] = a * cos + b * sin
                y_d[half + i] = b * cos - a * sin
            for i in range(2 * half, size):
                y_d[i] = np.float64(x_d[i]) * factor


@kernel
def _angles(positions_N: np.ndarray, base: float, dims: int, cos_Nr: np.ndarray, sin_Nr: np.ndarray) -> None:
    for i in range(cos_Nr.shape[1]):
        frequency = 1.0 / power64(base, 2.0 * i / dims)
        for n in range(positions_N.size):
            angle = np.float64(positions_N[n]) * frequency
            cos_Nr[n, i] = cos64(angle)
            sin_Nr[n, i] = sin64(angle)


@kernel_call
def rms(x: Tensor, scale: float = 1.0) -> Tensor:
    """x · (scale · (1 / √(Σ x² / D + ε))) over the last dimension."""
    x_ND = rows(x)
    if x_ND.dtype != np.float32:
        raise UsageError(f"rms takes float32 in portable arithmetic, and met {x.dtype}")
    y_ND = np.empty_like(x_ND)
    work(_rms, len(x_ND), _COST * x_ND.shape[1], x_ND, float(scale), y_ND)
    return torch.from_numpy(y_ND.reshape(x.shape))


@kernel_call
def align(x_BTHd: Tensor, cos_BTr: Tensor, sin_BTr: Tensor, gain_H: Tensor | None = None) -> Tensor:
    """The rms norm of each head with its gain, then rotation: a cos + b sin, b cos − a sin; the rest goes through.

    Args:
        x_BTHd: queries or keys.
        cos_BTr: of each position, or [T, r]: the same in all sequences.
        sin_BTr: of the same shape.
        gain_H: one factor a head; 1 without.

    Raises:
        UsageError: shapes that do not fit.
    """
    batch, length, heads, size = x_BTHd.shape
    half = cos_BTr.shape[-1]
    if cos_BTr.shape != sin_BTr.shape or cos_BTr.shape[:-1] not in ((length,), (batch, length)) or 2 * half > size:
        raise UsageError(
            f"align: {tuple(cos_BTr.shape)} and {tuple(sin_BTr.shape)} are no rotation of {tuple(x_BTHd.shape)}"
        )
    if gain_H is not None and gain_H.shape != (heads,):
        raise UsageError(f"align: {tuple(gain_H.shape)} gains for {heads} heads")
    x_NHd, cos_Tr, sin_Tr = singles(x_BTHd, cos_BTr, sin_BTr)
    gains = np.ones(heads, np.float32) if gain_H is None else singles(gain_H)[0]
    y_NHd = np.empty((batch * length, heads, size), np.float32)
    flat = (x_NHd.reshape(y_NHd.shape), cos_Tr.reshape(-1, half), sin_Tr.reshape(-1, half))
    work(_align, len(y_NHd), _COST * heads * size, *flat, gains, y_NHd)
    return torch.from_numpy(y_NHd.reshape(x_BTHd.shape))


@kernel_call
def rotation(base: float, dims: int, position: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of position · (1 / base^(2i / dims)), i from 0 to dims / 2, as float32.

    Args:
        base: above 0.
        dims: rotated dimensions, an even number.
        position: whole numbers of any shape, below 2²³; [T] gives [T, r], [B, T] gives [B, T, r].

    Raises:
        UsageError: one of these does not hold.
    """
    if base <= 0 or dims % 2 or position.dtype.is_floating_point:
        raise UsageError(f"rotation: base {base}, {dims} dimensions and {position.dtype} positions do not go")
    position_N = np.ascontiguousarray(position.numpy(), dtype=np.int64).reshape(-1)
    if position_N.size and not 0 <= position_N.min() <= position_N.max() < FARTHEST:
        raise UsageError(f"rotation: positions must lie between 0 and {int(FARTHEST):,}")
    shape = (position_N.size, dims // 2)
    cos_Nr, sin_Nr = np.empty(shape, np.float32), np.empty(shape, np.float32)
    _angles(position_N, float(base), dims, cos_Nr, sin_Nr)
    full = (*position.shape, dims // 2)
    return torch.from_numpy(cos_Nr.reshape(full)), torch.from_numpy(sin_Nr.reshape(full))
