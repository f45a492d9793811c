"""The contest's own order: one stream over the sorted shards, wrapping for ever.

A step takes `slices` pieces of S·T/slices + 1 consecutive tokens. Within a piece rows follow each other; the last token
of a piece is target only. The contest's programs use 8 pieces for any number of ranks up to 8.
"""

import numpy as np

from golfctl.data.batching.batches import Batch, BatchShape, Loader, State, check_slices
from golfctl.data.batching.token_stream import TokenStream
from golfctl.data.config import DataConfig


class SequentialLoader(Loader):
    """Consecutive tokens; the seed has no part in it."""

    name = "sequential"

    def __init__(self, config: DataConfig, stream: TokenStream, shape: BatchShape, seed: int) -> None:
        super().__init__(config, stream, shape, seed)
        check_slices(config.slices, shape.sequences)
        self._step = 0

    def next(self) -> Batch:
        """Rows of step k start at k·(S·T + slices) + row·T + slice of the row."""
        sequences, length = self.shape.sequences, self.shape.length
        origin = self._step * (sequences * length + self.config.slices)
        rows = np.arange(sequences)[self.shape.rows]
        starts = origin + rows * length + rows // (sequences // self.config.slices)
        self._step += 1
        return self._windows(starts.tolist())

    def _state(self) -> State:
        return {"step": self._step}

    def _restore(self, state: State) -> None:
        self._step = int(state["step"])
