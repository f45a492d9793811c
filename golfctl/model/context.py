"""What one forward pass carries along: token ids, weights ready for use, positions, the memory of parts.

Shapes: B batch, T positions, D width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl.model.blocks.rotary import Rotation
from golfctl.model.cache import Memory
from golfctl.model.kernels.products import products
from golfctl.model.kernels.visible import Visible
from golfctl.model.weights.banks import Matrices

Tap = Callable[[str, Tensor, Tensor], Tensor]
"""(public weight name, input [..., in] or ids [...], output [..., out]) -> output to go on with."""


@dataclass
class Context:
    """One forward pass; nothing in it outlives the pass except what it writes into `cache`."""

    ids_BT: Tensor
    dtype: torch.dtype
    """Compute dtype: of the residual stream and of the weights in products."""
    matrices: Matrices
    """Matrices by public name, in the compute dtype."""
    positions: Tensor
    """Of the tokens in their sequences: [T], or [B, T] where sequences stand at different positions."""
    rotation: Rotation
    bos: int
    visible: Visible
    backend: str = "auto"
    cache: Memory | None = None
    taps: Sequence[Tap] = ()
    lookup_taps: Sequence[Tap] = ()
    wanted: int = 0
    """Only rows from here on are wanted of the last block."""

    def linear(self, x: Tensor, name: str) -> Tensor:
        """x Wᵀ for the matrix with public name `name`."""
        return self.products(x, name)[0]

    def products(self, x: Tensor, *names: str) -> list[Tensor]:
        """x Wᵀ for several matrices of one input, which share the pass over its gradient."""
        weights = [self.matrices.weights[name] for name in names]
        outputs = list(products(x, weights, [self.matrices.slots.get(name) for name in names]))
        for tap in self.taps:
            outputs = [tap(name, x, y) for name, y in zip(names, outputs, strict=True)]
        return outputs

    def lookup(self, ids_BT: Tensor, name: str, table: Tensor) -> Tensor:
        """Rows [B, T, ...] of the table with public name `name`, in the compute dtype."""
        rows = F.embedding(ids_BT, table)
        for tap in self.lookup_taps:
            rows = tap(name, ids_BT, rows)
        return rows.to(self.dtype)

    def previous(self, key: str, x_BTX: Tensor) -> Tensor:
        """Row t − 1 in the place of row t; zeros where the sequence begins. `key` tells sequences apart."""
        before = self.cache.swap_row(key, x_BTX[:, -1:]) if self.cache else None
        head = torch.zeros_like(x_BTX[:, :1]) if before is None else before
        return torch.cat((head, x_BTX[:, :-1]), dim=1)

    def begins_BT(self, stop_at_bos: bool) -> Tensor:
        """True where a token has no predecessor: the start of the sequence and, if asked for, of every document."""
        begins_BT = (self.positions == 0).expand(self.ids_BT.shape)
        return begins_BT | (self.ids_BT == self.bos) if stop_at_bos else begins_BT

    def documents_BS(self) -> Tensor:
        """Running number of the document of every position so far; a token equal to `bos` begins a new one."""
        new_BT = (self.ids_BT == self.bos).int().cumsum(1, dtype=torch.int32)
        if not self.cache:
            return new_BT
        before = self.cache.swap_row("documents", new_BT[:, -1:])
        if before is not None:
            new_BT = new_BT + before
            self.cache.swap_row("documents", new_BT[:, -1:])
        return self.cache.append("documents", new_BT)
