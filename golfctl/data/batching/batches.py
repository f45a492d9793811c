"""Training batches: the same global batch for any number of ranks, resumable at any step.

B: this rank's sequences, T: sequence length, S: sequences of the global batch, W: ranks. Rank r owns rows
[r·S//W, (r+1)·S//W) of the global batch, which may be none. Targets are the inputs one token later.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from golfctl.core.table import Table
from golfctl.data.batching.token_stream import TokenStream
from golfctl.data.config import DataConfig
from golfctl.errors import CheckpointError, ConfigError, DataError

State = dict[str, Any]
Rows = NDArray[np.int64]

LOADERS = Table(
    "loader",
    {
        "sequential": "golfctl.data.batching.sequential:SequentialLoader",
        "shuffled": "golfctl.data.batching.shuffled:ShuffledLoader",
        "coprime": "golfctl.data.batching.coprime:CoprimeLoader",
        "packed": "golfctl.data.batching.packed:PackedLoader",
    },
)


class Batch(NamedTuple):
    """This rank's part of a global batch, as int64 arrays."""

    x_BT: Rows
    y_BT: Rows


class BatchShape(NamedTuple):
    """The global batch and this rank's place in it."""

    sequences: int
    length: int
    rank: int = 0
    world: int = 1

    @property
    def rows(self) -> slice:
        """Rows of the global batch that belong to this rank."""
        first, last = (r * self.sequences // self.world for r in (self.rank, self.rank + 1))
        return slice(first, last)


class Loader(ABC):
    """Deals global batches; `state` is plain JSON, the same on every rank, and fits any number of ranks."""

    name: str

    def __init__(self, config: DataConfig, stream: TokenStream, shape: BatchShape, seed: int) -> None:
        """Check that the data is long enough for one sequence."""
        if len(stream) <= shape.length:
            raise DataError(
                f"{len(stream):,} training tokens are too few for sequences of {shape.length:,}: "
                "give more text or shorten train.sequence_length"
            )
        self.config, self.stream, self.shape, self.seed = config, stream, shape, seed

    @abstractmethod
    def next(self) -> Batch:
        """The next global batch's rows of this rank; raises DataError when an id is outside the vocabulary."""

    @abstractmethod
    def _state(self) -> State: ...

    @abstractmethod
    def _restore(self, state: State) -> None: ...

    def state(self) -> State:
        """What `restore` needs to go on with the batch after the last one dealt."""
        return {"loader": self.name, "seed": self.seed, "tokens": len(self.stream), **self._state()}

    def close(self) -> None:  # noqa: B027 - most loaders have nothing to stop
        """Nothing to stop; a `Prefetcher` has a thread."""

    def restore(self, state: State) -> None:
        """Continue from a `state`.

        Raises:
            CheckpointError: the state is that of another loader, seed or dataset.
        """
        for key, mine in (("loader", self.name), ("seed", self.seed), ("tokens", len(self.stream))):
            if state.get(key) != mine:
                raise CheckpointError(
                    f"cannot resume the data order: {key} was {state.get(key)!r} when the state was saved, now {mine!r}"
                )
        try:
            self._restore(state)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise CheckpointError(f"cannot resume the data order: its saved state is damaged: {error!r}") from error

    def _windows(self, starts: Sequence[int]) -> Batch:
        """Rows whose windows of T + 1 tokens start at these positions of the stream."""
        length = self.shape.length
        rows = np.empty((len(starts), length + 1), np.int64)
        for row, start in zip(rows, starts, strict=True):
            row[:] = self.stream.take(start, length + 1)
        return Batch(rows[:, :-1], rows[:, 1:])


def open_loader(
    config: DataConfig,
    shards: Sequence[Path],
    *,
    batch_sequences: int,
    sequence_length: int,
    seed: int,
    rank: int = 0,
    world: int = 1,
    vocab_size: int | None = None,
    bos: int | None = 1,
) -> Loader:
    """The loader that `config` names, over training shards in reading order; `bos` starts a document, if anything does.

    Raises:
        DataError: no tokens, or fewer than one sequence. ConfigError: `slices` does not divide the batch, or packing
        documents without a `bos` that tells them apart.
    """
    if batch_sequences < 1 or sequence_length < 1 or not 0 <= rank < world:
        raise ValueError("a batch has at least one sequence of at least one token, and ranks are below world")
    shape = BatchShape(batch_sequences, sequence_length, rank, world)
    loader: Loader = LOADERS[config.loader](config, TokenStream(shards, vocab_size, bos), shape, seed)
    return loader


def check_slices(slices: int, sequences: int) -> None:
    """Raise ConfigError unless a batch of `sequences` rows falls into `slices` equal pieces."""
    if sequences % slices:
        raise ConfigError(f"data.slices = {slices} does not divide a batch of {sequences} sequences")
