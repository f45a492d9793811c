"""Causal attention behind one function, whichever kernel does the work.

Shapes: B batch, T query positions, S key positions (the queries are the last T of them), H query heads,
K key-value heads (each group of H / K query heads shares one), G = H / K, d head dimension, N segments.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl import arithmetic
from golfctl.core.table import suggestion
from golfctl.errors import UsageError
from golfctl.model.kernels.either_arithmetic import in_portable
from golfctl.model.kernels.gpu_attention import flash3, has_flash3, varlen
from golfctl.model.kernels.saved_softmax import fits_saved_softmax, saved_softmax
from golfctl.model.kernels.visible import Visible


def attend(q_BTHd: Tensor, k_BSKd: Tensor, v_BSKd: Tensor, visible: Visible, backend: str = "auto") -> Tensor:
    """softmax(q kᵀ / √d, causal) v as y_BTHd, by the back end of that name; "auto" takes the fastest that fits.

    Raises:
        UsageError: no such back end, or one that cannot do this.
    """
    if in_portable():
        ranges = visible.ranges(len(q_BTHd), q_BTHd.shape[1], k_BSKd.shape[1])
        return arithmetic.attend(q_BTHd, k_BSKd, v_BSKd, *ranges)
    name = choose(q_BTHd, k_BSKd, visible) if backend == "auto" else backend
    if name not in BACKENDS:
        raise UsageError(f"unknown attention back end {name!r}{suggestion(name, list(BACKENDS))}")
    return BACKENDS[name](q_BTHd, k_BSKd, v_BSKd, visible)


_BLOCK = 128
"""Rows of a block of `folded` and `sliced`."""


def choose(q_BTHd: Tensor, k_BSKd: Tensor, visible: Visible) -> str:
    """Name of the back end that "auto" takes."""
    half = q_BTHd.dtype in (torch.bfloat16, torch.float16)
    if half and not q_BTHd.is_cuda and visible.plain:
        return _choose_half(q_BTHd, k_BSKd)
    if _trains_on_cpu(q_BTHd) and visible.plain and fits_saved_softmax(q_BTHd, k_BSKd):
        return "saved"
    kernels = half and q_BTHd.is_cuda and q_BTHd.shape[1] == k_BSKd.shape[1] and visible.reach is None
    if not kernels or (visible.documents_BS is not None and visible.bounds is None and torch.compiler.is_compiling()):
        return "sdpa"
    if has_flash3(q_BTHd.device):
        return "fa3"
    return "varlen" if visible.documents_BS is not None else "sdpa"


def _choose_half(q_BTHd: Tensor, k_BSKd: Tensor) -> str:
    """The same in half precision on a CPU, without documents."""
    queries, keys = q_BTHd.shape[1], k_BSKd.shape[1]
    if q_BTHd.requires_grad:
        return "folded" if queries == keys else "sdpa"
    return "sliced" if queries > 1 and not torch.compiler.is_compiling() else "sdpa"


def _trains_on_cpu(q_BTHd: Tensor) -> bool:
    graph = q_BTHd.requires_grad and torch.is_grad_enabled() and not torch.compiler.is_compiling()
    return graph and q_BTHd.is_cpu and q_BTHd.dtype in (torch.float32, torch.float64)


def sdpa(q_BTHd: Tensor, k_BSKd: Tensor, v_BSKd: Tensor, visible: Visible) -> Tensor:
    """torch's scaled dot-product attention: its flash kernel where there is one, with a boolean mask if need be."""
    q, k, v = (x.transpose(1, 2) for x in (q_BTHd, k_BSKd, v_BSKd))
    queries, keys = q.shape[2], k.shape[2]
    mask = visible.mask(queries, keys, q.device)
    causal = mask is None and queries == keys
    grouped = q.shape[1] != k.shape[1]
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, enable_gqa=grouped).transpose(1, 2)


def folded(q_BTHd: Tensor, k_BSKd: Tensor, v_BSKd: Tensor, visible: Visible) -> Tensor:
    """The formula in products of key-value heads with their query heads folded into rows, a block of rows at a time.

    Only keys up to a block's end are multiplied. Scores and shares are kept in the inputs' dtype.
    """
    (batch, queries, heads, size), groups = q_BTHd.shape, k_BSKd.shape[2]
    before = k_BSKd.shape[1] - queries
    q, k, v = (x.transpose(1, 2) for x in (q_BTHd * (1.0 / math.sqrt(size)), k_BSKd, v_BSKd))
    q = q.unflatten(1, (groups, heads // groups))
    mask = None if visible.plain else visible.mask(queries, k.shape[2], q.device)
    future = torch.full((_BLOCK, _BLOCK), -torch.inf, dtype=q.dtype, device=q.device).triu(1)
    blocks = []
    for a in range(0, queries, _BLOCK):
        rows, end = min(_BLOCK, queries - a), min(a + _BLOCK, queries) + before
        score = q[:, :, :, a : a + rows].reshape(batch, groups, -1, size) @ k[:, :, :end].mT
        score = score.view(batch, groups, heads // groups, rows, end)
        if mask is None:
            score[..., end - rows :] += future[:rows, :rows]
        else:
            score = score.masked_fill(~mask[:, :, None, a : a + rows, :end], -torch.inf)
        share = score.softmax(-1).view(batch, groups, -1, end)
        blocks.append((share @ v[:, :, :end]).view(batch, heads, rows, size))
    return torch.cat(blocks, dim=2).transpose(1, 2)


def sliced(q_BTHd: Tensor, k_BSKd: Tensor, v_BSKd: Tensor, visible: Visible) -> Tensor:
    """As `folded`, but one key-value head of one sequence at a time, so that a block's scores stay in the cache."""
    (batch, queries, heads, size), groups = q_BTHd.shape, k_BSKd.shape[2]
    keys, fold = k_BSKd.shape[1], heads // groups
    q, k, v = (x.transpose(1, 2) for x in (q_BTHd * (1.0 / math.sqrt(size)), k_BSKd, v_BSKd))
    mask = None if visible.plain else visible.mask(queries, keys, q.device)
    future = torch.full((_BLOCK, _BLOCK), -torch.inf, dtype=q.dtype, device=q.device).triu(1)
    y_BTHd = torch.empty_like(q_BTHd)
    for b, g in itertools.product(range(batch), range(groups)):
        mine = slice(g * fold, (g + 1) * fold)
        for a in range(0, queries, _BLOCK):
            rows, end = min(_BLOCK, queries - a), min(a + _BLOCK, queries) + keys - queries
            score = (q[b, mine, a : a + rows].reshape(-1, size) @ k[b, g, :end].mT).view(fold, rows, end)
            if mask is None:
                score[..., end - rows :] += future[:rows, :rows]
            else:
                score = score.masked_fill(~mask[b if len(mask) > 1 else 0, 0, a : a + rows, :end], -torch.inf)
            y = score.softmax(-1).view(-1, end) @ v[b, g, :end]
            y_BTHd[b, a : a + rows, mine] = y.view(fold, rows, size).transpose(0, 1)
    return y_BTHd


def saved(q_BTHd: Tensor, k_BSKd: Tensor, v_BSKd: Tensor, visible: Visible) -> Tensor:
    """`golfctl.model.kernels.saved_softmax` for the shapes that it does, else `sdpa`."""
    if visible.plain and fits_saved_softmax(q_BTHd, k_BSKd):
        return saved_softmax(q_BTHd, k_BSKd, v_BSKd)
    return sdpa(q_BTHd, k_BSKd, v_BSKd, visible)


def plain(q_BTHd: Tensor, k_BSKd: Tensor, v_BSKd: Tensor, visible: Visible) -> Tensor:
    """The formula itself, with the softmax in fp32 at least; takes memory for B·H·T·S scores."""
    wide = torch.promote_types(q_BTHd.dtype, torch.float32)
    groups = (k_BSKd.shape[2], -1)
    q_BTKGd, k, v = q_BTHd.unflatten(2, groups).to(wide), k_BSKd.to(wide), v_BSKd.to(wide)
    score_BKGTS = torch.einsum("btkgd,bskd->bkgts", q_BTKGd, k) / math.sqrt(q_BTHd.shape[-1])
    queries, keys = score_BKGTS.shape[-2:]
    mask = visible.mask(queries, keys, q_BTHd.device)
    if mask is None:
        mask = torch.ones(queries, keys, dtype=torch.bool, device=q_BTHd.device).tril(keys - queries)[None, None]
    share_BKGTS = score_BKGTS.masked_fill(~mask[:, :, None], -torch.inf).softmax(-1)
    return torch.einsum("bkgts,bskd->btkgd", share_BKGTS, v).flatten(2, 3).to(q_BTHd.dtype)


def segments(q_BTHd: Tensor, k_BSKd: Tensor, v_BSKd: Tensor, visible: Visible) -> Tensor:
    """One `sdpa` call per segment: less work than a mask where documents are short, not for compiled code."""
    if visible.documents_BS is None or visible.reach is not None or q_BTHd.shape[1] != k_BSKd.shape[1]:
        return sdpa(q_BTHd, k_BSKd, v_BSKd, visible)
    q, k, v = (x.flatten(0, 1)[None] for x in (q_BTHd, k_BSKd, v_BSKd))
    bounds = visible.starts().tolist()
    pieces = [sdpa(q[:, a:b], k[:, a:b], v[:, a:b], Visible()) for a, b in itertools.pairwise(bounds) if a < b]
    return torch.cat(pieces, dim=1).view_as(q_BTHd)


BACKENDS: dict[str, Callable[[Tensor, Tensor, Tensor, Visible], Tensor]] = {
    "sdpa": sdpa,
    "saved": saved,
    "folded": folded,
    "sliced": sliced,
    "segments": segments,
    "varlen": varlen,
    "fa3": flash3,
    "math": plain,
}
