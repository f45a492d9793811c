"""`rans-lp/1`: `rans/1` around predictions of each code from its row and from all rows before; for embeddings.

Rows of an embedding share directions, so a few codes of a row tell the others. The predictor is learned from the rows
already coded, so nothing of it is sent, and it is learned in integers, so every machine learns the same one.
"""

from typing import Any

import numpy as np

from golfctl.coding.base import Array, Coder
from golfctl.coding.rans.coder import RansOptions, check_end, finish_words, matrix_shape, read_sides
from golfctl.coding.rans.distributions import REACH, SHAPES
from golfctl.coding.rans.lp_distributions import used_tables
from golfctl.coding.rans.side import choose_side
from golfctl.coding.rans.word_stream import Header, first_state, read_header, words_of, write_header
from golfctl.core.decoding_rules import DecodingError

MOST_COLUMNS = 1024
MOST_CELLS = 1 << 28
MOST_WORK = 1 << 33  # rows · columns²: predicting takes a few seconds at most


class RansLpCoder(Coder):
    """Matrices of int8 with 2 to 1,024 columns."""

    id = "rans-lp/1"
    needs = "golfctl, or the plain decoder described in the format page (integer arithmetic, no library)"
    Options = RansOptions

    def accepts(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """int8 matrices of moderate width."""
        rows, columns = matrix_shape(shape)
        fits = rows * columns <= MOST_CELLS and rows * columns**2 <= MOST_WORK
        return dtype.name == "int8" and len(shape) == 2 and rows >= 1 and 2 <= columns <= MOST_COLUMNS and fits

    def encode(self, array: Array, options: RansOptions) -> bytes:
        """Predict, fit spreads and shape to what is left, then code."""
        from golfctl.coding.rans.fit import fit
        from golfctl.coding.rans.lp_compiled_loops import predict_matrix, put_predicted

        codes_RC = np.ascontiguousarray(array.reshape(matrix_shape(array.shape)).astype(np.int32))
        lo, hi = int(codes_RC.min()), int(codes_RC.max())
        step_RC = np.zeros(codes_RC.shape, np.int32)
        predict_matrix(codes_RC, lo, hi, step_RC)
        found = fit(codes_RC - ((step_RC + 8) >> 4), -REACH, REACH)
        sides = [choose_side(found.rows_R), choose_side(found.columns_C)]
        header = Header(found.shape, 0, lo, hi, found.base, *sides)
        rows_R = found.base + found.rows_R
        tables = used_tables(rows_R, found.columns_C, SHAPES[found.shape])
        words = np.empty(4 * codes_RC.size + 4 * sum(codes_RC.shape) + 64, np.uint32)
        state = np.uint64(first_state(*codes_RC.shape))
        state, used = put_predicted(state, words, 0, codes_RC, step_RC, rows_R, found.columns_C, tables.cum)
        return write_header(header) + finish_words(state, words, used, header, found.rows_R, found.columns_C)

    def decode(self, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """Decode to exactly this many codes, each in the range the header states."""
        from golfctl.coding.rans.loops import take_predicted

        rows, columns = matrix_shape(shape)
        header, rest = read_header(data, self.id)
        if header.lo < -128 or header.hi > 127 or header.offset:
            raise DecodingError(
                "rans-header", f"{self.id}: codes from {header.lo} to {header.hi} + {header.offset} do not fit int8"
            )
        words = words_of(rest, self.id)
        state, taken, rows_R, columns_C = read_sides(header, words, rows, columns)
        tables = used_tables(rows_R, columns_C, SHAPES[header.shape])
        codes_RC = np.zeros((rows, columns), np.int32)
        state, taken, verdict = take_predicted(
            state, words, taken, codes_RC, rows_R, columns_C, tables.cum, tables.look, header.lo, header.hi
        )
        check_end(self.id, verdict, taken == words.size and int(state) == first_state(rows, columns))
        return codes_RC.astype(dtype).reshape(shape)
