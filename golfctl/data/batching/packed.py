"""Document packing (contest PR #1530): rows are filled with consecutive documents of one shard.

A step takes `slices` pieces of S·T/slices + 1 consecutive tokens, as the sequential order does, but a step never
spans two shards: what is left of a shard when it no longer fills a step is dropped; reading starts at its first BOS.
Attention within documents is the model's part (`model.attention.documents`); a row's end cuts a document.
"""

import numpy as np

from golfctl.data.batching.batches import Batch, BatchShape, Loader, State, check_slices
from golfctl.data.batching.token_stream import TokenStream
from golfctl.data.config import DataConfig
from golfctl.errors import ConfigError, DataError

_SEARCH_TOKENS = 1 << 20


class PackedLoader(Loader):
    """Consecutive tokens that never cross shards; the seed has no part in it."""

    name = "packed"

    def __init__(self, config: DataConfig, stream: TokenStream, shape: BatchShape, seed: int) -> None:
        super().__init__(config, stream, shape, seed)
        if stream.bos is None:
            raise ConfigError(
                'data.loader = "packed" packs documents, but this tokenizer has no BOS that tells them apart: '
                'take "sequential", or data of a tokenizer with a BOS'
            )
        check_slices(config.slices, shape.sequences)
        self._span = shape.sequences * shape.length + config.slices
        lengths = [len(ids_N) for ids_N in stream.shards]
        offsets = np.cumsum([0, *lengths[:-1]]).tolist()
        self._first = [offset + _first_document(stream, i) for i, offset in enumerate(offsets)]
        ends = [offset + tokens for offset, tokens in zip(offsets, lengths, strict=True)]
        steps = [(end - first) // self._span for first, end in zip(self._first, ends, strict=True)]
        self._steps_before = np.cumsum([0, *steps])
        if not self._steps_before[-1]:
            raise DataError(
                f"no training shard holds the {self._span:,} tokens of one step after its first document start; "
                "use a smaller batch or the sequential loader"
            )
        self._step = 0

    def next(self) -> Batch:
        """Step k counts through the steps that the shards hold, then starts over."""
        step = self._step % int(self._steps_before[-1])
        shard = int(np.searchsorted(self._steps_before, step, side="right")) - 1
        origin = self._first[shard] + (step - int(self._steps_before[shard])) * self._span
        rows = np.arange(self.shape.sequences)[self.shape.rows]
        per_slice = self.shape.sequences // self.config.slices
        self._step += 1
        return self._windows((origin + rows * self.shape.length + rows // per_slice).tolist())

    def _state(self) -> State:
        return {"step": self._step}

    def _restore(self, state: State) -> None:
        self._step = int(state["step"])


def _first_document(stream: TokenStream, shard: int) -> int:
    """Offset of the first BOS of a shard; its whole length when there is none."""
    length = len(stream.shards[shard])
    for start in range(0, length, _SEARCH_TOKENS):
        found = np.flatnonzero(stream.slice(shard, start, _SEARCH_TOKENS) == stream.bos)
        if len(found):
            return start + int(found[0])
    return length
