"""Coprime-stride order over many shards (contest PR #726 and after): mixes shards without a shuffle of anything large.

Each shard has a cursor: a random phase cuts it into windows, which are visited from a random start with a random stride
coprime to their number, so that every window comes once before the cursor is drawn anew. A batch mixes several shards:
chosen by their remaining windows to a power that falls from 0.9 to 0.5 over the first batches, more of them later.

Unlike the original the order follows from the seed, never from the folder's path. Shards shorter than one window are
not dealt from, unless all are.
"""

import math
from typing import Any

import numpy as np

from golfctl.data.batching.batches import Batch, BatchShape, Loader, State
from golfctl.data.batching.token_stream import TokenStream
from golfctl.data.config import DataConfig
from golfctl.errors import CheckpointError

_RAMP_BATCHES = 1800
_POWER, _POWER_FALL = 0.9, 0.4
_FEWEST_SHARDS, _MOST_SHARDS = 8, 32


class _Cursor:
    """Visits the windows of one shard, each once, then draws a new phase, start and stride."""

    def __init__(self, tokens: int, length: int) -> None:
        self._tokens, self._length = tokens, length
        self.values = [0, 0, 0, 1, 0]  # phase, windows, start, stride, visits

    @property
    def remaining(self) -> int:
        """Windows not visited since the last draw."""
        return self.values[1] - self.values[4]

    def draw(self, random: np.random.Generator) -> None:
        """Start over with another phase and order."""
        room = min(self._length - 1, self._tokens - self._length - 1)
        phase = int(random.integers(room + 1))
        count = (self._tokens - 1 - phase) // self._length
        stride = int(random.integers(1, count + 1))
        while math.gcd(stride, count) != 1:
            stride = int(random.integers(1, count + 1))
        self.values = [phase, count, int(random.integers(count)), stride, 0]

    def visit(self) -> int:
        """Offset in the shard of the next window."""
        phase, count, start, stride, visits = self.values
        self.values[4] += 1
        return phase + (start + visits * stride) % count * self._length


class CoprimeLoader(Loader):
    """Windows from several shards at once; every rank draws the same and takes its rows."""

    name = "coprime"

    def __init__(self, config: DataConfig, stream: TokenStream, shape: BatchShape, seed: int) -> None:
        super().__init__(config, stream, shape, seed)
        lengths = [len(ids_N) for ids_N in stream.shards]
        self._starts = np.cumsum([0, *lengths[:-1]]).tolist()
        usable = [i for i, tokens in enumerate(lengths) if tokens > shape.length]
        if not usable:  # the whole stream as one shard
            lengths, self._starts, usable = [len(stream)], [0], [0]
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._cursors = {i: _Cursor(lengths[i], shape.length) for i in usable}
        for cursor in self._cursors.values():
            cursor.draw(self._random)
        self._built = 0

    def next(self) -> Batch:
        """S windows of the shards chosen for this batch, in a random round-robin."""
        counts = self._counts()
        queues = [[self._visit(shard) for _ in range(count)] for shard, count in counts.items()]
        starts: list[int] = []
        while queues:
            order = self._random.permutation(len(queues))
            starts += [queues[i].pop() for i in order]
            queues = [queue for queue in queues if queue]
        self._built += 1
        return self._windows(starts[self.shape.rows])

    def _visit(self, shard: int) -> int:
        cursor = self._cursors[shard]
        if cursor.remaining == 0:
            cursor.draw(self._random)
        return int(self._starts[shard]) + cursor.visit()

    def _counts(self) -> dict[int, int]:
        """Windows per shard for this batch: one for each shard chosen, the rest by chance."""
        progress = min(self._built / _RAMP_BATCHES, 1.0)
        remaining = np.array([max(cursor.remaining, 1) for cursor in self._cursors.values()], float)
        weights = remaining ** (_POWER - _POWER_FALL * progress)
        mixed = round(_FEWEST_SHARDS + progress * (_MOST_SHARDS - _FEWEST_SHARDS))
        mixed = min(mixed, len(self._cursors), self.shape.sequences)
        shares = weights / weights.sum()
        chosen = self._random.choice(len(shares), mixed, replace=False, p=shares)
        extra = self._random.multinomial(self.shape.sequences - mixed, shares[chosen] / shares[chosen].sum())
        shards = list(self._cursors)
        return {shards[i]: 1 + int(more) for i, more in zip(chosen, extra, strict=True)}

    def _state(self) -> State:
        return {
            "built": self._built,
            "random": _plain(self._random.bit_generator.state),
            "cursors": {str(shard): list(cursor.values) for shard, cursor in self._cursors.items()},
        }

    def _restore(self, state: State) -> None:
        if set(state["cursors"]) != {str(shard) for shard in self._cursors}:
            raise CheckpointError("cannot resume the data order: it was saved with other training shards")
        self._built = int(state["built"])
        self._random.bit_generator.state = state["random"]
        for shard, values in state["cursors"].items():
            self._cursors[int(shard)].values = list(values)


def _plain(state: Any) -> dict[str, Any]:
    """The generator's state as JSON values (its two 128-bit integers stay exact)."""
    inner = {key: int(value) for key, value in state["state"].items()}
    return {**state, "state": inner, "has_uint32": int(state["has_uint32"]), "uinteger": int(state["uinteger"])}
