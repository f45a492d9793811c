"""Causal attention behind one function, whichever kernel does the work.

Shapes: B batch, T query positions, S key positions (the queries are the last T of them), H query heads,
K key-value heads (query heads gH/K.. to (g+1)H/K share key-value head g), d head dimension.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Visible:
    """Who may look at whom, beside causality."""

    documents_BS: Tensor | None = None
    """Number of the document of every key position; attention stays within one. None: no such limit."""

    def mask(self, queries: int, keys: int, device: torch.device) -> Tensor | None:
        """Boolean mask [B or 1, 1, T, S], True where visible; None when plain causal or everything is visible."""
        if self.documents_BS is None and queries in (1, keys):
            return None
        row_T = torch.arange(keys - queries, keys, device=device)
        mask_TS = torch.arange(keys, device=device)[None, :] <= row_T[:, None]
        if self.documents_BS is None:
            return mask_TS[None, None]
        documents_BT = self.documents_BS[:, keys - queries :]
        same_BTS = documents_BT[:, :, None] == self.documents_BS[:, None, :]
        return (same_BTS & mask_TS)[:, None]


def attend(q_BTHd: Tensor, k_BSKd: Tensor, v_BSKd: Tensor, visible: Visible, backend: str = "auto") -> Tensor:
    """softmax(q kᵀ / √d, causal) v as y_BTHd."""
    q, k, v = (x.transpose(1, 2) for x in (q_BTHd, k_BSKd, v_BSKd))
    queries, keys = q.shape[2], k.shape[2]
    mask = visible.mask(queries, keys, q.device)
    causal = mask is None and queries == keys
    grouped = q.shape[1] != k.shape[1]
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=grouped)
    return y.transpose(1, 2)
