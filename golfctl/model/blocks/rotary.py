"""Partial rotary position embedding, half-split layout (RoFormer, arXiv 2104.09864; partial since PR #315).

Shapes: B batch, T positions, H heads, d head dimension, r half of the rotated dimensions.

With R rotated dimensions, a = dims 0..R/2, b = dims R/2..R and θ(t, i) = t · base^(−2i/R):
a' = a cos θ + b sin θ,  b' = −a sin θ + b cos θ; dimensions from R on stay as they are.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from golfctl import arithmetic
from golfctl.model.config import RotaryConfig
from golfctl.model.kernels.either_arithmetic import in_portable, power


class Rotation(NamedTuple):
    """cos θ and sin θ of every position of one forward pass: [T, r], or [B, T, r] where sequences differ."""

    cos_Tr: Tensor
    sin_Tr: Tensor


def effective_base(config: RotaryConfig, dims: int, length: int) -> float:
    """The base used for an input of `length` positions."""
    if config.reference_length and length > config.reference_length:
        return config.base * power(length / config.reference_length, dims / (dims - 2))
    return config.base


def rotation(base: float, dims: int, positions: Tensor, like: Tensor, exact: bool = False) -> Rotation:
    """Angles of integer `positions` [T] or [B, T], computed in fp32 (fp64 models: fp64), in `like`'s dtype.

    `exact` computes in fp64, for positions of millions, where fp32 has no fractions of an angle left.
    """
    if in_portable():
        return Rotation(*arithmetic.rotation(base, dims, positions))
    wide = torch.float64 if exact or like.dtype == torch.float64 else torch.float32
    inverse_r = 1.0 / (base ** (torch.arange(0, dims, 2, dtype=wide, device=like.device) / dims))
    angle_Tr = positions.to(wide)[..., None] * inverse_r
    return Rotation(angle_Tr.cos().to(like.dtype), angle_Tr.sin().to(like.dtype))


def rotate(x_BTHd: Tensor, by: Rotation) -> Tensor:
    """Rotate the first 2r dimensions of every head."""
    half = by.cos_Tr.shape[-1]
    cos, sin = by.cos_Tr.unsqueeze(-2), by.sin_Tr.unsqueeze(-2)
    a, b, rest = x_BTHd.split([half, half, x_BTHd.shape[-1] - 2 * half], dim=-1)
    return torch.cat((a * cos + b * sin, b * cos - a * sin, rest), dim=-1)
