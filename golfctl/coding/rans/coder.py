"""`rans/1`: golfctl's own coder of quantised weights: row × column spreads as context, rANS, integer arithmetic only.

Source: the row × column spread contexts and their gain were measured for this project (docs/coding.md); range
asymmetric numeral systems: Duda, arXiv 1311.2540.
"""

import math
from typing import Any

import numpy as np

from golfctl.coding.base import Array, Coder
from golfctl.coding.rans.distributions import OUT_OF_RANGE, OUT_OF_WORDS, SHAPES, build, used_buckets
from golfctl.coding.rans.side import SIDE_REACH, Side, choose_side, differences, side_tables
from golfctl.coding.rans.word_stream import Header, first_state, read_header, words_of, write_header
from golfctl.core.config import Config
from golfctl.core.decoding_rules import DecodingError

_DTYPES = ("int8", "uint8", "int16", "uint16", "int32")


class RansOptions(Config):
    """`rans` has no options: shape, spreads and their coding are found by code length."""


class RansCoder(Coder):
    """Integer matrices; an array of another rank is taken as shape[0] rows, one of rank 1 or 0 as a single row."""

    id = "rans/1"
    needs = "golfctl, or the plain decoder described in the format page (integer arithmetic, no library)"
    Options = RansOptions

    def accepts(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Integers of at most 32 bits."""
        return dtype.name in _DTYPES

    def encode(self, array: Array, options: RansOptions) -> bytes:
        """Fit spreads and shape, then code."""
        if array.size == 0:
            return b""
        wide_RC = array.reshape(matrix_shape(array.shape)).astype(np.int64)
        offset = _offset(wide_RC)
        return encode_matrix(np.ascontiguousarray((wide_RC - offset).astype(np.int32)), offset)

    def decode(self, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """Decode to exactly this many codes, each in the range the header states."""
        rows, columns = matrix_shape(shape)
        if rows * columns == 0:
            if len(data):
                raise DecodingError("payload", f"{self.id}: {len(data)} bytes for an empty array")
            return np.zeros(shape, dtype)
        header, rest = read_header(data, self.id)
        limits = np.iinfo(dtype)
        if header.lo + header.offset < limits.min or header.hi + header.offset > limits.max:
            raise DecodingError(
                "rans-header",
                f"{self.id}: codes from {header.lo} to {header.hi} + {header.offset} do not fit {dtype}",
            )
        codes_RC = decode_matrix(header, words_of(rest, self.id), rows, columns)
        if header.offset:
            codes_RC = codes_RC + np.int64(header.offset)
        return codes_RC.astype(dtype).reshape(shape)


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns that an array is coded as."""
    return (shape[0], math.prod(shape[1:])) if len(shape) > 1 else (1, math.prod(shape))


def _offset(codes_RC: Array) -> int:
    """The median, so that codes of any mean meet centred tables; 0 where the differences would not fit 32 bits."""
    middle = int(np.partition(codes_RC.reshape(-1), codes_RC.size // 2)[codes_RC.size // 2])
    return middle if codes_RC.max() - middle < 1 << 31 and middle - codes_RC.min() <= 1 << 31 else 0


def encode_matrix(codes_RC: Array, offset: int = 0) -> bytes:
    """One stream for a matrix of int32 with at least one cell."""
    from golfctl.coding.rans.compiled_loops import put_matrix
    from golfctl.coding.rans.fit import fit

    lo, hi = int(codes_RC.min()), int(codes_RC.max())
    found = fit(codes_RC, lo, hi)
    sides = [choose_side(found.rows_R), choose_side(found.columns_C)]
    header = Header(found.shape, offset, lo, hi, found.base, *sides)
    tables = build(used_buckets(found.base + found.rows_R, found.columns_C), SHAPES[found.shape], lo, hi)
    words = np.empty(4 * codes_RC.size + 4 * sum(codes_RC.shape) + 64, np.uint32)
    state, used = put_matrix(
        np.uint64(first_state(*codes_RC.shape)),
        words,
        0,
        codes_RC,
        found.base + found.rows_R,
        found.columns_C,
        tables.cum,
    )
    return write_header(header) + finish_words(state, words, used, header, found.rows_R, found.columns_C)


def finish_words(state: Any, words: Array, used: int, header: Header, rows_R: Array, columns_C: Array) -> bytes:
    """Code the side information on top of the codes (it is decoded first) and turn the words round."""
    from golfctl.coding.rans.compiled_loops import put_vector

    for side, values in [(header.columns, columns_C), (header.rows, rows_R)]:
        if side.present:
            steps, cum = differences(values, side), side_tables(side).cum[side.bucket]
            state, used = put_vector(np.uint64(state), words, used, steps, side.bucket, cum)
    last = np.array([int(state) & 0xFFFFFFFF, int(state) >> 32], np.uint32)
    return np.concatenate([words[:used], last])[::-1].astype("<u4").tobytes()


def decode_matrix(header: Header, words: Array, rows: int, columns: int) -> Array:
    """The codes int32 [rows, columns]; a `DecodingError` unless the words end exactly where the codes do."""
    from golfctl.coding.rans.loops import take_matrix

    state, taken, rows_R, columns_C = read_sides(header, words, rows, columns)
    tables = build(used_buckets(rows_R, columns_C), SHAPES[header.shape], header.lo, header.hi)
    codes_RC = np.zeros((rows, columns), np.int32)
    state, taken, verdict = take_matrix(
        state, words, taken, codes_RC, rows_R, columns_C, tables.cum, tables.look, header.lo, header.hi
    )
    check_end("rans/1", verdict, taken == words.size and int(state) == first_state(rows, columns))
    return codes_RC


def check_end(name: str, verdict: int, complete: bool) -> None:
    """A `DecodingError` unless all codes were read and the stream ends with them."""
    if verdict == OUT_OF_RANGE:
        raise DecodingError("rans-value", f"{name}: damaged stream: a code is out of range")
    if verdict == OUT_OF_WORDS or not complete:
        raise DecodingError("rans-words", f"{name}: damaged stream: the codes do not end where the words do")


def read_sides(header: Header, words: Array, rows: int, columns: int) -> tuple[Any, int, Array, Array]:
    """State, words taken, and the spreads of rows (the base included) and columns."""
    state, taken = np.uint64((int(words[0]) << 32) | int(words[1])), 2
    state, taken, rows_R = _take_side(state, words, taken, header.rows, rows)
    state, taken, columns_C = _take_side(state, words, taken, header.columns, columns)
    return np.uint64(state), taken, rows_R + header.base, columns_C


def _take_side(state: Any, words: Array, taken: int, side: Side, size: int) -> tuple[Any, int, Array]:
    from golfctl.coding.rans.loops import take_vector

    if not side.present:
        return state, taken, np.zeros(size, np.int32)
    tables = side_tables(side)
    bucket = side.bucket
    state, taken, values = take_vector(
        np.uint64(state), words, taken, size, bucket, tables.cum[bucket], tables.look[bucket]
    )
    values = np.cumsum(values) if side.delta else values
    if np.abs(values).max(initial=0) > SIDE_REACH:
        raise DecodingError("rans-value", "rans/1: damaged stream: row or column spreads out of range")
    if taken > words.size:
        raise DecodingError("rans-words", "rans/1: damaged stream: row or column spreads are missing")
    return state, taken, values.astype(np.int32)
