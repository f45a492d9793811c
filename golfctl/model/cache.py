"""What the incremental forward remembers between calls.

Shapes: B batch, T new positions, L capacity in positions, K key-value heads, d head dimension.
"""

from typing import Protocol, Self

import torch
from torch import Tensor

from golfctl.errors import UsageError


class Memory(Protocol):
    """What one forward pass asks of a cache, whichever it is."""

    weights: dict[str, Tensor]
    base: float

    @property
    def reach(self) -> int | None:
        """How many positions a row sees, its own among them; None: all."""

    @property
    def ends_B(self) -> Tensor | None:
        """How many of the keys that `append` returns each sequence has; None: all of them."""

    def positions(self, count: int, device: torch.device) -> Tensor:
        """Of the next `count` tokens: [T], or [B, T] where sequences stand at different positions."""

    def swap_row(self, key: str, last: Tensor) -> Tensor | None:
        """Remember the last row [B, 1, ...] of every sequence and return the one remembered before, zero where a
        sequence begins; None where all do."""

    def append(self, key: str, new: Tensor) -> Tensor:
        """Store new rows [B, T, ...] after those already there; return what the rows see, [B, S, ...]."""


class Cache:
    """Keys and values of every block application, and the last row of whatever looks one token back.

    It also holds the weights as they were when it was started: a model whose weights change needs a new cache.
    """

    reach: int | None = None
    """How many positions a row sees, its own among them; None: all."""
    ends_B: Tensor | None = None

    def __init__(self, batch: int, length: int, weights: dict[str, Tensor], base: float) -> None:
        """An empty cache for `batch` sequences of `length` positions; `base` is the rotary base of all of them."""
        self.batch = batch
        self.length = length
        self.position = 0
        self.weights = weights
        self.base = base
        self._rows: dict[str, Tensor] = {}
        self._kept: dict[str, Tensor] = {}

    def check(self, ids_BT: Tensor) -> None:
        """Raise `UsageError` where `ids_BT` does not fit what is left."""
        batch, count = ids_BT.shape
        if batch != self.batch or count < 1 or self.position + count > self.length:
            raise UsageError(
                f"cache for {self.batch} sequences of {self.length} tokens, {self.position} used: "
                f"cannot take {batch} sequences of {count} more"
            )

    def positions(self, count: int, device: torch.device) -> Tensor:
        """The next `count` positions [T], the same for every sequence."""
        return torch.arange(self.position, self.position + count, device=device)

    def swap_row(self, key: str, last: Tensor) -> Tensor | None:
        """Remember the last row [B, 1, ...] of a sequence and return the one remembered before."""
        before = self._rows.get(key)
        self._rows[key] = last
        return before

    def append(self, key: str, new: Tensor) -> Tensor:
        """Store new rows [B, T, ...] after those already there; return all, a view [B, position + T, ...]."""
        if key not in self._kept:
            self._kept[key] = new.new_zeros((new.shape[0], self.length, *new.shape[2:]))
        end = self.position + new.shape[1]
        self._kept[key][:, self.position : end] = new
        return self._kept[key][:, :end]


class RollingCache(Cache):
    """Takes any number of tokens; every row sees the `length` latest positions, its own among them.

    Keys and values stay what they were when their token came, made with the context of that time. So every token passes
    the model once, and a row's state reaches back further than the window, layer by layer: another function than a
    forward of the window alone.
    """

    def __init__(self, batch: int, length: int, weights: dict[str, Tensor], base: float) -> None:
        """An empty cache that keeps `length` positions."""
        super().__init__(batch, length, weights, base)
        self.reach = length

    def check(self, ids_BT: Tensor) -> None:
        """Raise `UsageError` where `ids_BT` does not fit."""
        if ids_BT.shape[0] != self.batch or ids_BT.shape[1] < 1:
            raise UsageError(f"cache for {self.batch} sequences cannot take {tuple(ids_BT.shape)} tokens")

    def append(self, key: str, new: Tensor) -> Tensor:
        """The latest L − 1 rows and the new ones after them, [B, … + T, ...]; nothing kept is written to."""
        kept = self._kept.get(key, new[:, :0])
        whole = torch.cat((kept[:, max(0, kept.shape[1] - (self.length - 1)) :], new), dim=1)
        self._kept[key] = whole[:, max(0, whole.shape[1] - (self.length - 1)) :].clone()
        return whole

    def fork(self) -> Self:
        """A cache that goes on from here and leaves this one as it is."""
        other = type(self)(self.batch, self.length, self.weights, self.base)
        other.position, other._rows, other._kept = self.position, dict(self._rows), dict(self._kept)
        return other

    def save(self) -> dict[str, Tensor]:
        """Everything remembered, and the position."""
        rows = {f"row.{key}": tensor for key, tensor in self._rows.items()}
        kept = {f"kept.{key}": tensor for key, tensor in self._kept.items()}
        return {**rows, **kept, "position": torch.tensor(self.position)}

    def load(self, saved: dict[str, Tensor]) -> None:
        """Go on from what `save` gave."""
        self.position = int(saved["position"])
        for prefix, target in (("row.", self._rows), ("kept.", self._kept)):
            target.update({key.removeprefix(prefix): t for key, t in saved.items() if key.startswith(prefix)})
