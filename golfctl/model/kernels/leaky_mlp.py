"""The whole MLP in one function for training on CPUs in full precision: element-wise work stays in a core's cache.

Rows are taken in chunks; per chunk both products, the activation between them and, in the backward pass, all four
products follow each other while the hidden values are still at hand. Only u and p = u W_upᵀ are kept.

Shapes: N rows, D width, M hidden width, R rows of a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from golfctl.model.kernels.linear import linear
from golfctl.model.kernels.products import Slot, place

_CHUNK = 2**17  # hidden values
_FEWEST_ROWS = 256


def fits_leaky_mlp(u_BTD: Tensor) -> bool:
    """Whether `leaky_mlp` is the form to take, for weights that have slots (see `products.unbind`)."""
    return u_BTD.is_cpu and u_BTD.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled("cpu")


def leaky_mlp(u_BTD: Tensor, up_MD: Tensor, down_DM: Tensor, slots: tuple[Slot, Slot], slope: float) -> Tensor:
    """leaky_relu(u W_upᵀ, slope)² W_downᵀ; weight gradients go to `slots`. Not twice differentiable."""
    y = _LeakyMlp.apply(u_BTD, up_MD, down_DM, slots, slope)
    assert isinstance(y, Tensor)
    return y


def _chunks(rows: int, hidden: int) -> Iterator[slice]:
    size = max(_FEWEST_ROWS, _CHUNK // hidden)
    return (slice(first, first + size) for first in range(0, rows, size))


def _square(p_RM: Tensor, slope: float) -> Tensor:
    a_RM = torch.nn.functional.leaky_relu(p_RM, slope)
    return a_RM.mul_(a_RM)


class _LeakyMlp(torch.autograd.Function):
    """With a = leaky_relu(p)²: ∂W_down = ∂yᵀ a, ∂p = 2p·(∂y W_down), times slope² where p < 0, ∂W_up = ∂pᵀ u."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, up: Tensor, down: Tensor, slots: tuple[Slot, Slot], slope: float) -> Tensor:
        u_ND = u.reshape(-1, u.shape[-1])
        parts = list(_chunks(len(u_ND), len(up)))
        p, y = [], []
        for part in parts:
            p.append(linear(u_ND[part], up))
            y.append(linear(_square(p[-1], slope), down))
        ctx.save_for_backward(u, up, down, *p)
        ctx.slots, ctx.slope, ctx.parts = slots, slope, parts
        return torch.cat(y).view(*u.shape[:-1], len(down))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        u, up, down, *p = ctx.saved_tensors
        u_ND, g_ND = u.reshape(-1, u.shape[-1]), grads[0].reshape(-1, len(down))
        (dup, up_before), (ddown, down_before) = (place(slot, u) for slot in ctx.slots)
        du_ND, twice_ND = torch.empty_like(u_ND), 2.0 * g_ND
        for part, p_RM in zip(ctx.parts, p, strict=True):
            g_RD, later = g_ND[part], part.start > 0
            dp_RM = linear(twice_ND[part], down.t()).mul_(p_RM)
            torch.ops.aten.leaky_relu_backward.grad_input(dp_RM, p_RM, ctx.slope**2, False, grad_input=dp_RM)
            ddown.addmm_(g_RD.t(), _square(p_RM, ctx.slope), beta=float(down_before or later))
            dup.addmm_(dp_RM.t(), u_ND[part], beta=float(up_before or later))
            du_ND[part] = linear(dp_RM, up.t())
        return du_ND.view_as(u), None if up_before else dup, None if down_before else ddown, None, None
