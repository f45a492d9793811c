"""Compiled loops of `rans/1`: the coder proper. Integer arithmetic only, so every machine gives the same bytes.

The state has 64 bits and is kept at 2^32 or above; words have 32 bits. `cum` and `look` are those of
`distributions.Tables`. Shapes: R rows, C columns, W words.
"""

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
    SPLIT_BUCKET,
    TOTAL_BITS,
)
from golfctl.core.machine.compiled import compiled

Array = np.ndarray[Any, Any]
_MASK = np.uint64((1 << TOTAL_BITS) - 1)
_BITS = np.uint64(TOTAL_BITS)
_TOP = np.uint64(TOTAL_BITS - 8)
_FULL = np.uint64(64 - TOTAL_BITS)
_LOW = np.uint64(1 << 32)
_WORD = np.uint64(32)
_BEYOND = np.int64(1) << (FARTHEST_BITS + 1)  # stands for a value out of every range


@compiled
def shift_of(bucket):  # type: ignore[no-untyped-def]
    """As `rans_tables.shift_of`."""
    return 0 if bucket <= SPLIT_BUCKET else (bucket - SPLIT_BUCKET + 7) >> 3


@compiled
def bucket_of(spread):  # type: ignore[no-untyped-def]
    """A cell's bucket: its spread, kept within the tables."""
    return min(max(spread, 0), BUCKETS - 1)


@compiled
def _put(state, words_W, used, start, freq):  # type: ignore[no-untyped-def]
    """Code one symbol onto the state; returns (state, used words)."""
    if (state >> _FULL) >= freq:
        words_W[used] = np.uint32(state & np.uint64(0xFFFFFFFF))
        used += 1
        state >>= _WORD
    quotient = state // freq
    return (quotient << _BITS) + (state - quotient * freq) + start, used


@compiled
def _put_bits(state, words_W, used, value, count):  # type: ignore[no-untyped-def]
    """Code `count` plain bits; the decoder meets the lowest 16 first."""
    for piece in range((count + PIECE_BITS - 1) // PIECE_BITS - 1, -1, -1):
        low = piece * PIECE_BITS
        width = min(PIECE_BITS, count - low)
        bits = np.uint64((value >> low) & ((1 << width) - 1))
        unit = np.uint64(TOTAL_BITS - width)
        state, used = _put(state, words_W, used, bits << unit, np.uint64(1) << unit)
    return state, used


@compiled
def _put_code(state, words_W, used, code, bucket, cum_S):  # type: ignore[no-untyped-def]
    """Code one integer, last part first; the decoder meets table symbol, escape, low bits."""
    shift = shift_of(bucket)
    moved = np.int64(code) + ((np.int64(1) << shift) >> 1)
    high = moved >> shift
    if shift:
        state, used = _put_bits(state, words_W, used, moved - (high << shift), shift)
    symbol = min(max(high, -REACH), REACH)
    if symbol == REACH or symbol == -REACH:
        beyond = abs(high) - REACH + 1
        length = 0
        while beyond >> (length + 1):
            length += 1
        if length:
            state, used = _put_bits(state, words_W, used, beyond - (np.int64(1) << length), length)
        state, used = _put_bits(state, words_W, used, np.int64(length), ESCAPE_BITS)
    start = np.uint64(cum_S[symbol + REACH])
    return _put(state, words_W, used, start, np.uint64(cum_S[symbol + REACH + 1]) - start)


@compiled
def put_vector(state, words_W, used, values, bucket, cum_S):  # type: ignore[no-untyped-def]
    """Code a vector with one table, last value first."""
    for i in range(values.size - 1, -1, -1):
        state, used = _put_code(state, words_W, used, values[i], bucket, cum_S)
    return state, used


@compiled
def put_matrix(state, words_W, used, codes_RC, rows_R, columns_C, cum):  # type: ignore[no-untyped-def]
    """Code a matrix, last cell first; cell (r, c) has the spread rows[r] + columns[c]."""
    for r in range(rows_R.size - 1, -1, -1):
        for c in range(columns_C.size - 1, -1, -1):
            bucket = bucket_of(rows_R[r] + columns_C[c])
            state, used = _put_code(state, words_W, used, codes_RC[r, c], bucket, cum[bucket])
    return state, used


@compiled
def _refill(state, words_W, taken):  # type: ignore[no-untyped-def]
    """Bring the state back to 2^32 or above; past the end of the words it reads zeros, and `taken` tells."""
    if state < _LOW:
        word = np.uint64(words_W[taken]) if taken < words_W.size else np.uint64(0)
        return (state << _WORD) | word, taken + 1
    return state, taken


@compiled
def _take_bits(state, words_W, taken, count):  # type: ignore[no-untyped-def]
    value, low = np.int64(0), 0
    while low < count:
        width = min(PIECE_BITS, count - low)
        unit = np.uint64(TOTAL_BITS - width)
        value |= np.int64((state & _MASK) >> unit) << low
        state = ((state >> _BITS) << unit) + (state & ((np.uint64(1) << unit) - np.uint64(1)))
        state, taken = _refill(state, words_W, taken)
        low += width
    return state, taken, value


@compiled
def _take_code(state, words_W, taken, bucket, cum_S, look_S):  # type: ignore[no-untyped-def]
    """One integer; `_BEYOND`, of either sign, where it is out of every range before all of it was read."""
    slot = state & _MASK
    index = np.int64(look_S[slot >> _TOP])
    while cum_S[index + 1] <= slot:
        index += 1
    start = np.uint64(cum_S[index])
    state = (np.uint64(cum_S[index + 1]) - start) * (state >> _BITS) + slot - start
    state, taken = _refill(state, words_W, taken)
    high = index - REACH
    if high == REACH or high == -REACH:
        state, taken, length = _take_bits(state, words_W, taken, ESCAPE_BITS)
        if length > LONGEST_ESCAPE:
            return state, taken, _BEYOND
        state, taken, rest = _take_bits(state, words_W, taken, length)
        more = (np.int64(1) << length) + rest - 1
        high = high + more if high > 0 else high - more
    shift = shift_of(bucket)
    if abs(high) > np.int64(1) << (FARTHEST_BITS - shift):
        return state, taken, _BEYOND
    if shift:
        state, taken, low = _take_bits(state, words_W, taken, shift)
        high = (high << shift) + low - ((np.int64(1) << shift) >> 1)
    return state, taken, high


@compiled
def take_vector(state, words_W, taken, size, bucket, cum_S, look_S):  # type: ignore[no-untyped-def]
    """Undo `put_vector`; returns (state, taken words, values int64, up to the first of which parts are missing)."""
    values = np.zeros(size, np.int64)
    for i in range(size):
        state, taken, values[i] = _take_code(state, words_W, taken, bucket, cum_S, look_S)
        if taken > words_W.size:
            return state, taken, values[:i]
    return state, taken, values


@compiled
def verdict_of(words_W, taken, code, lo, hi):  # type: ignore[no-untyped-def]
    """Whether all words of a code were there, and whether it is in its range."""
    if taken > words_W.size:
        return OUT_OF_WORDS
    return DECODED if lo <= code <= hi else OUT_OF_RANGE


@compiled
def take_matrix(state, words_W, taken, codes_RC, rows_R, columns_C, cum, look, lo, hi):  # type: ignore[no-untyped-def]
    """Undo `put_matrix` into `codes_RC`; returns (state, taken words, verdict: how it ended)."""
    for r in range(rows_R.size):
        for c in range(columns_C.size):
            bucket = bucket_of(rows_R[r] + columns_C[c])
            state, taken, code = _take_code(state, words_W, taken, bucket, cum[bucket], look[bucket])
            verdict = verdict_of(words_W, taken, code, lo, hi)
            if verdict != DECODED:
                return state, taken, verdict
            codes_RC[r, c] = code
    return state, taken, DECODED
