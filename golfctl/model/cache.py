"""What the incremental forward remembers between calls.

Shapes: B batch, L capacity in positions, K key-value heads, d head dimension.
"""

from torch import Tensor

from golfctl.errors import UsageError


class Cache:
    """Keys and values of every block application, and the last row of whatever looks one token back.

    It also holds the weights as they were when it was started: a model whose weights change needs a new cache.
    """

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
