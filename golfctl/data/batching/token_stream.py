"""All shards as one endless stream of memory-mapped tokens."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golfctl.data.shards import Tokens, check_ids, read_shard
from golfctl.errors import DataError


class TokenStream:
    """Shards in order, wrapping at the end; every read checks its ids against the vocabulary."""

    def __init__(self, shards: Sequence[Path], vocab_size: int | None = None, bos: int | None = 1) -> None:
        """Map the shards; `vocab_size` None leaves ids unchecked; `bos` starts a document, None: nothing does.

        Raises:
            InputError: no such file. DataError: a bad shard, or no tokens at all.
        """
        self.paths = [Path(path) for path in shards]
        self.shards = [read_shard(path) for path in self.paths]
        self._vocab_size = vocab_size
        self.bos = bos
        self._ends = np.cumsum([len(ids_N) for ids_N in self.shards], dtype=np.int64)
        if not len(self):
            raise DataError("no training tokens: the dataset has no training shards, or only empty ones")

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def take(self, start: int, count: int) -> NDArray[np.int64]:
        """`count` tokens from position `start` on, wrapping as often as needed.

        Raises:
            DataError: an id outside the vocabulary.
        """
        out_N = np.empty(count, np.int64)
        done, at = 0, start % len(self)
        while done < count:
            index = int(np.searchsorted(self._ends, at, side="right"))
            offset = at - (int(self._ends[index - 1]) if index else 0)
            part_N = self.slice(index, offset, count - done)
            out_N[done : done + len(part_N)] = part_N
            done += len(part_N)
            at = (at + len(part_N)) % len(self)
        return out_N

    def slice(self, index: int, offset: int, count: int) -> Tokens:
        """At most `count` tokens of one shard; raises as `take` does."""
        part_N = self.shards[index][offset : offset + count]
        if self._vocab_size is not None:
            check_ids(part_N, self._vocab_size, f"{self.paths[index]} (from token {offset:,})")
        return part_N
