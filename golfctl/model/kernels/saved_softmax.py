"""Causal attention for training on CPUs: the shares of the forward pass are kept, so the backward pass only multiplies.

torch's flash kernel for CPUs makes the scores a second time in its backward pass, in blocks that reach beyond the
diagonal. Here a block of rows meets only the keys up to its end, and all products are batched matrix products.

Shapes: B batch, T positions, H query heads, K key-value heads, G = H / K, d head dimension, R rows of a block,
N = T / R blocks, C = B·K batched products, F = G·R rows of a batched product: all query heads of one key-value head.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

_ROWS = 64
_LARGEST_BYTES = 2**26


def fits_saved_softmax(q_BTHd: Tensor, k_BSKd: Tensor) -> bool:
    """Whether this form does these shapes: whole sequences of whole blocks, shares of at most 64 MB."""
    batch, length, heads, _ = q_BTHd.shape
    if length != k_BSKd.shape[1] or length % _rows(length):
        return False
    return batch * heads * length * (length + _rows(length)) // 2 * q_BTHd.element_size() <= _LARGEST_BYTES


def saved_softmax(q_BTHd: Tensor, k_BTKd: Tensor, v_BTKd: Tensor) -> Tensor:
    """softmax(q kᵀ / √d, causal) v as y_BTHd, in the inputs' dtype; not twice differentiable."""
    y = _SavedSoftmax.apply(q_BTHd, k_BTKd, v_BTKd)
    assert isinstance(y, Tensor)
    return y


def _rows(length: int) -> int:
    return min(_ROWS, length)


def _fold(x_BTHd: Tensor, groups: int) -> Tensor:
    """[N, C, F, d]: the blocks one after the other (a view where they lie so already)."""
    batch, length, heads, size = x_BTHd.shape
    rows = _rows(length)
    split = x_BTHd.reshape(batch, length // rows, rows, groups, heads // groups, size)
    return split.permute(1, 0, 3, 4, 2, 5).reshape(length // rows, batch * groups, -1, size)


def _unfold(x_NCFd: Tensor, like_BTHd: Tensor, groups: int) -> Tensor:
    batch, length, heads, size = like_BTHd.shape
    split = x_NCFd.view(len(x_NCFd), batch, groups, heads // groups, _rows(length), size)
    return split.permute(1, 0, 4, 2, 3, 5).reshape(like_BTHd.shape)


def _by_head(x_BTKd: Tensor) -> Tensor:
    return x_BTKd.transpose(1, 2).flatten(0, 1)


class _SavedSoftmax(torch.autograd.Function):
    """With P the shares and D = Σ_d ∂y·y: ∂v = Pᵀ∂y, ∂S = P∘(∂y vᵀ − D), ∂q = ∂S k/√d, ∂k = ∂Sᵀ q/√d."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        groups, rows = k.shape[2], _rows(q.shape[1])
        q_NCFd = _fold(q, groups) * (1.0 / math.sqrt(q.shape[-1]))
        k_CTd, v_CTd = _by_head(k), _by_head(v)
        y_NCFd = torch.empty_like(q_NCFd)
        future_RR = torch.full((rows, rows), -torch.inf, dtype=q.dtype).triu(1)
        shares = []
        for block, (q_CFd, y_CFd) in enumerate(zip(q_NCFd, y_NCFd, strict=True)):
            end = (block + 1) * rows
            score_CFE = torch.bmm(q_CFd, k_CTd[:, :end].mT)
            score_CFE.unflatten(1, (-1, rows))[..., end - rows :].add_(future_RR)
            shares.append(score_CFE.softmax(-1))
            torch.bmm(shares[-1], v_CTd[:, :end], out=y_CFd)
        ctx.save_for_backward(q_NCFd, k_CTd, v_CTd, y_NCFd, *shares)
        ctx.kv_shape = k.shape
        return _unfold(y_NCFd, q, groups)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q_NCFd, k_CTd, v_CTd, y_NCFd, *shares = ctx.saved_tensors
        (gradient,) = grads
        batch, length, groups, size = ctx.kv_shape
        g_NCFd = _fold(gradient, groups)
        along_NCF1 = torch.linalg.vecdot(g_NCFd, y_NCFd).unsqueeze(-1)
        dq_NCFd, dk_CTd, dv_CTd = torch.empty_like(q_NCFd), torch.empty_like(k_CTd), torch.empty_like(v_CTd)
        rows = _rows(length)
        for block in reversed(range(len(shares))):  # the last block reaches all keys: it writes, the others add
            end, share_CFE, g_CFd = (block + 1) * rows, shares[block], g_NCFd[block]
            ds_CFE = torch.bmm(g_CFd, v_CTd[:, :end].mT).sub_(along_NCF1[block]).mul_(share_CFE)
            torch.bmm(ds_CFE, k_CTd[:, :end], out=dq_NCFd[block])
            if end == length:
                torch.bmm(share_CFE.mT, g_CFd, out=dv_CTd)
                torch.bmm(ds_CFE.mT, q_NCFd[block], out=dk_CTd)
            else:
                dv_CTd[:, :end].add_(torch.bmm(share_CFE.mT, g_CFd))
                dk_CTd[:, :end].add_(torch.bmm(ds_CFE.mT, q_NCFd[block]))
        dq = _unfold(dq_NCFd.mul_(1.0 / math.sqrt(size)), gradient, groups)
        dk, dv = (x.view(batch, groups, length, size).transpose(1, 2) for x in (dk_CTd, dv_CTd))
        return dq, dk, dv
