"""Who may look at whom in attention, beside causality: documents, and how far a row sees.

Shapes: B batch, T query positions, S key positions (the queries are the last T of them), N segments.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl import arithmetic


class Visible(NamedTuple):
    """Who may look at whom, beside causality."""

    documents_BS: Tensor | None = None
    """Number of the document of every key position; attention stays within one. None: no such limit."""
    bounds: Tensor | None = None
    """Where segments begin in the flattened [B·S] batch, from `segment_bounds`; made where needed if None."""
    reach: int | None = None
    """How many positions a row sees, its own among them; None: all."""
    ends_B: Tensor | None = None
    """How many of the S keys each sequence has; its queries are the last T of them. None: all of them."""

    @property
    def plain(self) -> bool:
        """Causality is the only limit."""
        return self.documents_BS is None and self.reach is None and self.ends_B is None

    def mask(self, queries: int, keys: int, device: torch.device) -> Tensor | None:
        """Boolean mask [B or 1, 1, T, S], True where visible; None when plain causal or everything is visible."""
        reach = keys if self.reach is None else self.reach
        if self.documents_BS is None and self.ends_B is None and queries in (1, keys) and keys <= reach:
            return None
        row_BT, key_S = self._rows(queries, keys, device), torch.arange(keys, device=device)
        mask_BTS = (key_S <= row_BT[..., None]) & (key_S > row_BT[..., None] - reach)
        if self.documents_BS is not None:
            ragged = self.ends_B is not None
            documents_BT = self.documents_BS.gather(1, row_BT) if ragged else self.documents_BS[:, keys - queries :]
            mask_BTS = mask_BTS & (documents_BT[:, :, None] == self.documents_BS[:, None, :])
        return mask_BTS[:, None]

    def ranges(self, batch: int, queries: int, keys: int) -> tuple[Tensor, Tensor]:
        """The same as a range of keys [low, high) for each query, int64 [B, T]: documents are stretches of keys."""
        return arithmetic.key_ranges(batch, queries, keys, self.ends_B, self.reach, self.documents_BS)

    def _rows(self, queries: int, keys: int, device: torch.device) -> Tensor:
        """Places [B or 1, T] of the queries among the keys."""
        before_T = torch.arange(-queries, 0, device=device)
        return before_T[None] + (keys if self.ends_B is None else self.ends_B[:, None])

    def starts(self) -> Tensor:
        """The segment bounds [N + 1], made now if they were not given."""
        if self.bounds is not None:
            return self.bounds
        assert self.documents_BS is not None
        return _bounds(_changes(self.documents_BS), multiple=1)


def segment_bounds(ids_BT: Tensor, bos: int, multiple: int = 64) -> Tensor:
    """Bounds int32 [N + 1] of the segments of a batch: every row and every `bos` begins one.

    N + 1 is rounded up to `multiple` with empty segments at the end, so that compiled kernels see few shapes. Made
    outside of compiled code: the number of documents is data.
    """
    return _bounds((ids_BT == bos), multiple)


def _changes(documents_BS: Tensor) -> Tensor:
    first = torch.zeros_like(documents_BS[:, :1], dtype=torch.bool)
    return torch.cat((first, documents_BS[:, 1:] != documents_BS[:, :-1]), dim=1)


def _bounds(begins_BT: Tensor, multiple: int) -> Tensor:
    begins_BT = begins_BT.clone()
    begins_BT[:, 0] = True
    starts = begins_BT.flatten().nonzero().flatten().int()
    total = multiple * math.ceil((len(starts) + 1) / multiple)
    return F.pad(starts, (0, total - len(starts)), value=begins_BT.numel())
