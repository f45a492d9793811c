"""What happens to queries and keys between projection and attention: norm, rotation and, for queries, the gain.

Shapes: B batch, T positions, H heads, d head dimension, r half of the rotated dimensions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from golfctl import arithmetic
from golfctl.model.blocks.rotary import Rotation, rotate
from golfctl.model.kernels.either_arithmetic import in_portable
from golfctl.model.kernels.norm import EPSILON, rms


def align(x_BTHd: Tensor, by: Rotation, gain_H: Tensor | None = None) -> Tensor:
    """g_h · rope(rms(x)) per head; on CPUs in one function with fewer passes than the three, elsewhere the three."""
    if in_portable():
        return arithmetic.align(x_BTHd, *by, gain_H)
    if x_BTHd.is_cpu and not torch.compiler.is_compiling():
        y = _Align.apply(x_BTHd, gain_H, *by)
        assert isinstance(y, Tensor)
        return y
    y = rotate(rms(x_BTHd), by)
    return y if gain_H is None else y * gain_H.to(y.dtype)[:, None]


def _turn(y_BTHd: Tensor, cos_T1r: Tensor, sin_T1r: Tensor) -> None:
    """Rotate the first 2r dimensions in place."""
    half = cos_T1r.shape[-1]
    a, b = y_BTHd[..., :half], y_BTHd[..., half : 2 * half]
    if y_BTHd.dtype in (torch.float32, torch.float64):  # as complex numbers: fewer passes over short rows
        turned = torch.complex(a, b).mul_(torch.complex(cos_T1r, -sin_T1r))
        a.copy_(turned.real)
        b.copy_(turned.imag)
        return
    turned = torch.addcmul(a * cos_T1r, b, sin_T1r)
    b.mul_(cos_T1r).addcmul_(a, sin_T1r, value=-1)
    a.copy_(turned)


class _Align(torch.autograd.Function):
    """y = g·R(s·x), s = (mean(x²) + ε)^−½; with z = Rᵀ(s·∂y): ∂g = Σ z·x, ∂x = g·(z − s²·mean(z·x)·x)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor | None, cos_Tr: Tensor, sin_Tr: Tensor) -> Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
        inverse = torch.rsqrt(length.square() / x.shape[-1] + EPSILON)
        y = x * (inverse if gain is None else inverse * gain[:, None]).to(x.dtype)
        cos, sin = cos_Tr.unsqueeze(-2), sin_Tr.unsqueeze(-2)
        _turn(y, cos, sin)
        ctx.save_for_backward(x, inverse, gain, cos, sin)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, inverse, gain, cos, sin = ctx.saved_tensors
        z = grads[0] * inverse.to(x.dtype)
        _turn(z, cos, -sin)
        along = torch.linalg.vecdot(z, x).unsqueeze(-1).to(inverse.dtype)
        pull = along * inverse.square() / -x.shape[-1]
        if gain is None:
            return z.addcmul_(x, pull.to(x.dtype)), None, None, None
        pull = (pull * gain[:, None]).to(x.dtype)
        slope = along.sum((0, 1, 3)).to(gain.dtype)
        return z.mul_(gain.to(x.dtype)[:, None]).addcmul_(x, pull), slope, None, None
