"""Shuffled sequences: each epoch cuts the stream into windows at a fresh random phase and deals them in random order.

Every window of an epoch is dealt exactly once; order and phases follow from the seed and the epoch alone.
"""

import numpy as np

from golfctl.data.batching.batches import Batch, BatchShape, Loader, Rows, State
from golfctl.data.batching.token_stream import TokenStream
from golfctl.data.config import DataConfig


class ShuffledLoader(Loader):
    """A permutation of all windows per epoch."""

    name = "shuffled"

    def __init__(self, config: DataConfig, stream: TokenStream, shape: BatchShape, seed: int) -> None:
        super().__init__(config, stream, shape, seed)
        # One window fewer than fits, so that every phase has the same number and reaches no further than the end.
        self._per_epoch = max((len(stream) - shape.length) // shape.length, 1)
        self._epoch, self._starts = -1, np.zeros(0, np.int64)
        self._dealt = 0

    def next(self) -> Batch:
        """The next S windows of the epochs' concatenated permutations."""
        rows = np.arange(self._dealt, self._dealt + self.shape.sequences)[self.shape.rows]
        self._dealt += self.shape.sequences
        return self._windows([self._start(int(row)) for row in rows])

    def _start(self, window: int) -> int:
        epoch, place = divmod(window, self._per_epoch)
        if epoch != self._epoch:
            self._epoch, self._starts = epoch, self._order(epoch)
        return int(self._starts[place])

    def _order(self, epoch: int) -> Rows:
        random = np.random.default_rng([self.seed, epoch])
        length = self.shape.length
        room = len(self.stream) - self._per_epoch * length  # at least 1: the last target must exist
        phase = int(random.integers(min(room, length)))
        return phase + length * random.permutation(self._per_epoch)

    def _state(self) -> State:
        return {"dealt": self._dealt}

    def _restore(self, state: State) -> None:
        self._dealt = int(state["dealt"])
