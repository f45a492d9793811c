"""The decoding loops of `rans/1` without a compiler, for installs without numba: the same results as `compiled_loops`.

Plain Python integers. Shapes: R rows, C columns, W words, S entries of one table.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import repeat
from typing import Any

import numpy as np

from golfctl.coding.rans.distributions import (
    BUCKETS,
    DECODED,
    ESCAPE_BITS,
    FARTHEST_BITS,
    LONGEST_ESCAPE,
    OUT_OF_RANGE,
    OUT_OF_WORDS,
    PIECE_BITS,
    REACH,
    TOTAL_BITS,
    shift_of,
)

Array = np.ndarray[Any, Any]
_MASK = (1 << TOTAL_BITS) - 1
_LOW = 1 << 32
_BEYOND = 1 << FARTHEST_BITS + 1  # stands for a value out of every range
Table = tuple[list[int], int]
"""The cumulative frequencies of one table, and how many low bits of a code stand behind its symbol."""


class Source:
    """The decoder's state and the words that refill it; `verdict` says how reading ended.

    Past the end of the words it reads zeros, until the value at hand is done.
    """

    def __init__(self, state: Any, words_W: Array, taken: int) -> None:
        self.state, self.taken, self.verdict = int(state), taken, DECODED
        self._words = words_W.tolist()

    def codes(self, tables: Iterable[Table], lo: int, hi: int) -> list[int]:
        """One integer from each table: its symbol, then an escape and low bits where there are any.

        The list ends before the first that lacks words or lies outside lo … hi.
        """
        found, state, words, taken = [], self.state, self._words, self.taken
        for cum_S, shift in tables:
            slot = state & _MASK
            index = bisect_right(cum_S, slot)
            start = cum_S[index - 1]
            state = (cum_S[index] - start) * (state >> TOTAL_BITS) + slot - start
            if state < _LOW:
                state = state << 32 | (words[taken] if taken < len(words) else 0)
                taken += 1
            high = index - 1 - REACH
            if shift or high == REACH or high == -REACH:
                self.state, self.taken = state, taken
                high = self._finish(high, shift)
                state, taken = self.state, self.taken
            if taken > len(words) or not lo <= high <= hi:
                self.verdict = OUT_OF_WORDS if taken > len(words) else OUT_OF_RANGE
                break
            found.append(high)
        self.state, self.taken = state, taken
        return found

    def _finish(self, high: int, shift: int) -> int:
        """A code from its table symbol and the plain bits behind it."""
        if high == REACH or high == -REACH:
            length = self._bits(ESCAPE_BITS)
            if length > LONGEST_ESCAPE:
                return _BEYOND
            more = (1 << length) + self._bits(length) - 1
            high = high + more if high > 0 else high - more
        if abs(high) > 1 << (FARTHEST_BITS - shift):
            return _BEYOND
        if not shift:
            return high
        return (high << shift) + self._bits(shift) - (1 << shift >> 1)

    def _bits(self, count: int) -> int:
        """Plain bits, the lowest 16 first."""
        value = low = 0
        while low < count:
            width = min(PIECE_BITS, count - low)
            unit = TOTAL_BITS - width
            value |= (self.state & _MASK) >> unit << low
            self.state = (self.state >> TOTAL_BITS << unit) + (self.state & ((1 << unit) - 1))
            if self.state < _LOW:
                word = self._words[self.taken] if self.taken < len(self._words) else 0
                self.state = self.state << 32 | word
                self.taken += 1
            low += width
        return value


def take_vector(
    state: Any, words_W: Array, taken: int, size: int, bucket: int, cum_S: Array, look_S: Array
) -> tuple[Any, int, Array]:
    """As `rans_kernels.take_vector`."""
    del look_S
    source, table = Source(state, words_W, taken), (cum_S.tolist(), shift_of(bucket))
    values = source.codes(repeat(table, size), -_BEYOND, _BEYOND)
    return source.state, source.taken, np.array(values, np.int64)


def take_matrix(
    state: Any, words_W: Array, taken: int, codes_RC: Array, rows_R: Array, columns_C: Array, cum: Array, look: Array,
    lo: int, hi: int,
) -> tuple[Any, int, int]:  # fmt: skip
    """As `rans_kernels.take_matrix`."""
    del look
    source, tables = Source(state, words_W, taken), dict[int, Table]()
    for r, row in enumerate(rows_R.tolist()):
        buckets = np.clip(row + columns_C, 0, BUCKETS - 1).tolist()
        tables |= {bucket: (cum[bucket].tolist(), shift_of(bucket)) for bucket in set(buckets) - tables.keys()}
        found = source.codes([tables[bucket] for bucket in buckets], lo, hi)
        codes_RC[r, : len(found)] = found
        if source.verdict != DECODED:
            break
    return source.state, source.taken, source.verdict
