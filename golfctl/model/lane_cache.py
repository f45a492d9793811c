"""A cache for lanes: sequences side by side, each at a position of its own, any of which may move on at a time.

A lane's keys lie in slots from 0 on. A rolling lane has twice as many slots as its rows see: when they are full, what
its next rows see moves to the front, so a token costs no copy of the cache.

Shapes: L lanes, K lanes named (those that move on), T new positions, C slots, S keys, N = K·T.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from golfctl.errors import UsageError
from golfctl.model.kernels.either_arithmetic import in_portable

Lanes = Sequence[int] | np.ndarray
"""Numbers of lanes, ascending."""


class LaneCache:
    """Keys and values of every block application, lane by lane, and the last row of whatever looks one token back.

    It also holds the weights as they were when it was started: a model whose weights change needs a new cache.
    """

    def __init__(self, lanes: int, length: int, rolling: bool, weights: dict[str, Tensor], base: float) -> None:
        """Empty lanes that take `length` tokens each; `rolling`: any number, whose rows see the `length` latest."""
        self.lanes = lanes
        self.length = length
        self.reach = length if rolling else None
        self.slots = 2 * length if rolling else length
        self.weights = weights
        self.base = base
        self.positions_L = np.zeros(lanes, np.int64)
        """Tokens that each lane has taken since it began."""
        self.filled_L = np.zeros(lanes, np.int64)
        """Slots in use: they hold the latest so many positions."""
        self.rows: dict[str, Tensor] = {}
        self.kept: dict[str, Tensor] = {}

    def begin(self, lane_K: Lanes) -> None:
        """These lanes become empty."""
        lane_K = self._numbers(lane_K)
        self.positions_L[lane_K] = 0
        self.filled_L[lane_K] = 0
        for last_L1X in self.rows.values():
            last_L1X[torch.from_numpy(lane_K).to(last_L1X.device)] = 0

    def check(self, ids_KT: Tensor, lane_K: Lanes) -> Iterator[Tensor]:
        """The tokens in pieces that fit the slots, one after the other.

        Raises:
            UsageError: they do not fit the lanes named, or what these have left.
        """
        numbers_K, count = self._numbers(lane_K), ids_KT.shape[-1]
        if ids_KT.shape != (len(numbers_K), count) or not ids_KT.numel():
            raise UsageError(f"{len(numbers_K)} lanes cannot take tokens of shape {tuple(ids_KT.shape)}")
        used = int(self.positions_L[numbers_K].max())
        if self.reach is None and used + count > self.length:
            raise UsageError(f"a lane of {self.length} tokens, {used} used, cannot take {count} more")
        return iter(ids_KT.split(self.length, dim=1))

    def name(self, lane_K: Lanes, count: int, device: torch.device) -> "NamedLanes":
        """These lanes as one pass over `count` new tokens sees them."""
        numbers_K = self._numbers(lane_K)
        full_K = numbers_K[self.filled_L[numbers_K] + count > self.slots]
        if len(full_K):
            self._make_room(full_K)
        return NamedLanes(self, numbers_K, count, device)

    def move_on(self, lane_K: Lanes, count: int) -> None:
        """These lanes have taken `count` tokens."""
        numbers_K = self._numbers(lane_K)
        self.positions_L[numbers_K] += count
        self.filled_L[numbers_K] += count

    def _numbers(self, lane_K: Lanes) -> np.ndarray:
        numbers_K = np.asarray(lane_K, np.int64)
        inside = numbers_K.ndim == 1 and ((numbers_K >= 0) & (numbers_K < self.lanes)).all()
        if not inside or (np.diff(numbers_K) <= 0).any():
            raise UsageError(f"lanes {numbers_K.tolist()}: name some of 0 to {self.lanes - 1}, each once, in order")
        return numbers_K

    def _make_room(self, full_K: np.ndarray) -> None:
        """Move what the next row of full lanes sees beside itself to the front."""
        kept = self.length - 1
        for lane in full_K:
            first = int(self.filled_L[lane]) - kept
            for store_LCX in self.kept.values():
                store_LCX[lane, :kept] = store_LCX[lane, first : first + kept].clone()
        self.filled_L[full_K] = kept


class NamedLanes:
    """The lanes named, as one pass over T new tokens sees them: the `golfctl.model.cache.Memory` of that pass."""

    def __init__(self, cache: LaneCache, lane_K: np.ndarray, count: int, device: torch.device) -> None:
        self.weights, self.base, self.reach = cache.weights, cache.base, cache.reach
        self.ends_B: Tensor | None = None
        self._cache, self._count = cache, count
        self._position_K, filled_K = cache.positions_L[lane_K], cache.filled_L[lane_K]
        self._lane_K = None if len(lane_K) == cache.lanes else torch.from_numpy(lane_K).to(device)
        """None: all lanes."""
        together = bool((filled_K == filled_K[0]).all())
        self._new: slice | Tensor
        """Where the new tokens go: the slots in every lane, or their places [N] in the slots of all lanes in a row."""
        if together and self._lane_K is None:
            self._new = slice(int(filled_K[0]), int(filled_K[0]) + count)
        else:
            place_KT = (lane_K * cache.slots + filled_K)[:, None] + np.arange(count)
            self._new = torch.from_numpy(place_KT.ravel()).to(device)
        self._seen = self._slots_seen(filled_K)
        if not together or self._seen.stop > filled_K[0] + count:
            self.ends_B = torch.from_numpy(filled_K + count - self._seen.start).to(device)

    def _slots_seen(self, filled_K: np.ndarray) -> slice:
        """Slots that some row sees. Portable attention goes by ranges: for it, all slots are no more work than some,
        and no copy where all lanes are named."""
        if in_portable() and self._lane_K is None:
            return slice(0, self._cache.slots)
        first = 0 if self.reach is None else max(0, int(filled_K.min()) - (self.reach - 1))
        return slice(first, int(filled_K.max()) + self._count)

    def positions(self, count: int, device: torch.device) -> Tensor:
        """[T] where all lanes named stand at one position, else [K, T]."""
        first_K = self._position_K
        if (first_K == first_K[0]).all():
            return torch.arange(int(first_K[0]), int(first_K[0]) + count, device=device)
        return torch.from_numpy(first_K[:, None] + np.arange(count)).to(device)

    def swap_row(self, key: str, last: Tensor) -> Tensor:
        """Remember the last row [K, 1, ...] of every lane and return the one before, zero where a lane begins."""
        rows = self._cache.rows
        if key not in rows:
            rows[key] = last.new_zeros((self._cache.lanes, *last.shape[1:]))
        if self._lane_K is None:
            before, rows[key] = rows[key], last.clone()
            return before
        before = rows[key].index_select(0, self._lane_K)
        rows[key].index_copy_(0, self._lane_K, last)
        return before

    def append(self, key: str, new: Tensor) -> Tensor:
        """Put new rows [K, T, ...] where they belong and return the slots seen, [K, S, ...]: a view if of all lanes."""
        kept = self._cache.kept
        if key not in kept:
            kept[key] = new.new_zeros((self._cache.lanes, self._cache.slots, *new.shape[2:]))
        store_LCX = kept[key]
        if isinstance(self._new, slice):
            store_LCX[:, self._new] = new
        else:
            store_LCX.flatten(0, 1).index_copy_(0, self._new, new.flatten(0, 1))
        seen_LSX = store_LCX[:, self._seen]
        return seen_LSX if self._lane_K is None else seen_LSX.index_select(0, self._lane_K)
