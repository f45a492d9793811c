"""Output product, soft cap and cross-entropy in one function for training on CPUs: no logits are kept.

Rows are taken in chunks whose logits fit a core's cache. Each chunk's gradients are made at once, since that needs the
same values, so the forward pass does all the work and the backward pass only scales.

Shapes: N rows, D width, V vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from golfctl.model.kernels.linear import linear

IGNORED = -100
_CHUNK = 2**18  # logits


def fits_head_loss(h_ND: Tensor, weight_VD: Tensor) -> bool:
    """Whether `head_loss` is the form to take: gradients are wanted, on a CPU, of code that is not compiled."""
    if not h_ND.is_cpu or torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return False
    return torch.is_grad_enabled() and (h_ND.requires_grad or weight_VD.requires_grad)


def head_loss(h_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, softcap: float) -> Tensor:
    """Mean cross-entropy of softcap·tanh(h Wᵀ / softcap) (softcap 0: of h Wᵀ), in fp32 at least.

    Targets of −100 do not count. Not twice differentiable.
    """
    loss = _HeadLoss.apply(h_ND, weight_VD, targets_N, softcap)
    assert isinstance(loss, Tensor)
    return loss


class _Chunk(NamedTuple):
    """Negative log-likelihoods of some rows, and the slope of their sum in the uncapped logits."""

    nats_R: Tensor
    slope_RV: Tensor


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor, targets: Tensor, softcap: float) -> Tensor:
        wide = torch.promote_types(h.dtype, torch.float32)
        nats = torch.empty(len(h), dtype=wide)
        dh, dweight = torch.empty_like(h), torch.zeros_like(weight, dtype=wide)
        counted = targets != IGNORED
        share = 1.0 / max(int(counted.sum()), 1)
        rows = max(1, _CHUNK // len(weight))
        for first in range(0, len(h), rows):
            part = slice(first, first + rows)
            chunk = _chunk(h[part], weight, targets[part], counted[part], softcap)
            nats[part] = chunk.nats_R
            slope = chunk.slope_RV.to(h.dtype)
            dh[part] = linear(slope, weight.t())
            _add_product(dweight, slope, h[part], share)
        ctx.save_for_backward(dh, dweight.to(weight.dtype))
        ctx.share = share
        return nats.sum() / counted.sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        dh, dweight = ctx.saved_tensors
        return dh * (grads[0] * ctx.share).to(dh.dtype), dweight * grads[0].to(dweight.dtype), None, None


def _chunk(h_RD: Tensor, weight_VD: Tensor, targets_R: Tensor, counted_R: Tensor, softcap: float) -> _Chunk:
    """c·tanh(z/c) = 2c·σ(2z/c) − c: the constant drops out, and the slope of 2c·σ(2z/c) in z is 4σ(1 − σ)."""
    wide = torch.promote_types(h_RD.dtype, torch.float32)
    z_RV = linear(h_RD, weight_VD).to(wide)
    s_RV = z_RV.mul_(2.0 / softcap).sigmoid_() if softcap else z_RV
    z_RV = s_RV * (2.0 * softcap) if softcap else z_RV
    y_R1 = targets_R.long().clamp_min(0).unsqueeze(1)
    share_RV = z_RV.softmax(-1)
    # log Σ exp z = max z − log(max share): the largest share cannot underflow
    nats_R = z_RV.amax(-1) - z_RV.gather(1, y_R1)[:, 0] - share_RV.amax(-1).log()
    slope_RV = share_RV.scatter_add_(1, y_R1, share_RV.new_full((1, 1), -1.0).expand_as(y_R1))
    if not bool(counted_R.all()):
        nats_R, slope_RV = nats_R * counted_R, slope_RV.mul_(counted_R.unsqueeze(1))
    return _Chunk(nats_R, torch.ops.aten.sigmoid_backward(slope_RV, s_RV).mul_(4.0) if softcap else slope_RV)


def _add_product(total_VD: Tensor, slope_RV: Tensor, h_RD: Tensor, share: float) -> None:
    """Sums over chunks are wide, also where the products are not."""
    if slope_RV.dtype == total_VD.dtype:
        total_VD.addmm_(slope_RV.t(), h_RD, alpha=share)
    else:
        total_VD.add_(torch.mm(slope_RV.t(), h_RD), alpha=share)
