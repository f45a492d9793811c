"""The decoding loop of `rans-lp/1` where numba is not installed: the same results as `lp_compiled_loops`.

Sums are the same integers in any order, so numpy may take them. Shapes: R rows, C columns, W words.
"""

import math
from typing import Any

import numpy as np

from golfctl.coding.rans.distributions import BUCKETS, DECODED, SPLIT_BUCKET, Array, shift_of
from golfctl.coding.rans.lp_distributions import CENTRE, FINE, FIRST_FIT, FRACTION, PHASES, SMALLEST, STEEPEST
from golfctl.coding.rans.plain_loops import Source, Table


class _Predictor:
    """Slopes learned from the rows decoded so far, as in `lp_compiled_loops`."""

    def __init__(self, columns: int, lo: int, hi: int) -> None:
        self._sums_CC = np.zeros((columns, columns), np.int64)
        self._slopes_CC = np.zeros((columns, columns), np.int64)
        self._lo, self._hi = lo << FINE, hi << FINE

    def learn(self, new_RC: Array, rows: int) -> None:
        """Take in new rows, `rows` with all before."""
        wide_RC = new_RC.astype(np.float64)  # exact: sums of products of int8 stay far below 2^53
        self._sums_CC += (wide_RC.T @ wide_RC).astype(np.int64)
        self._slopes_CC = _slopes(self._sums_CC, rows)

    def predict(self, errors_C: Array, c: int) -> int:
        """The code of column c in 1/4096, from the errors of the columns before."""
        total = int(self._slopes_CC[c, :c] @ errors_C[:c]) >> FINE
        return min(max(total, self._lo), self._hi)


def _slopes(sums_CC: Array, rows: int) -> Array:
    """L of the shrunk correlations' L·D·Lᵀ in the codes' own scale, column by column."""
    size = len(sums_CC)
    root_C = np.array([max(math.isqrt(total), 1) for total in sums_CC.diagonal().tolist()])
    shared_CC = (sums_CC << FRACTION) // (root_C[:, None] * root_C) * rows // (rows + size)
    v_CC, l_CC = np.zeros((size, size), np.int64), np.zeros((size, size), np.int64)
    for j in range(size):
        below = slice(j + 1, size)
        v_CC[j, j] = max((1 << FRACTION) - (int(l_CC[j, :j] @ v_CC[j, :j]) >> FRACTION), SMALLEST)
        v_CC[below, j] = shared_CC[below, j] - (l_CC[below, :j] @ v_CC[j, :j] >> FRACTION)
        l_CC[below, j] = (v_CC[below, j] << FRACTION) // v_CC[j, j]
    slopes_CC = (l_CC >> (FRACTION - FINE)) * root_C[:, None] // root_C
    return np.clip(slopes_CC, -STEEPEST, STEEPEST)


def take_predicted(
    state: Any, words_W: Array, taken: int, codes_RC: Array, rows_R: Array, columns_C: Array, cum: Array, look: Array,
    lo: int, hi: int,
) -> tuple[Any, int, int]:  # fmt: skip
    """As `lp_kernels.take_predicted`."""
    del look
    source, tables = Source(state, words_W, taken), dict[int, Table]()
    predictor = _Predictor(columns_C.size, lo, hi)
    errors_C, fitted, due = np.zeros(columns_C.size, np.int64), 0, FIRST_FIT
    for r, row in enumerate(rows_R.tolist()):
        if r == due:
            predictor.learn(codes_RC[fitted:r], r)
            fitted, due = r, r + (r + 1) // 2
        for c, bucket in enumerate(np.clip(row + columns_C, 0, BUCKETS - 1).tolist()):
            prediction = predictor.predict(errors_C, c)
            step = (prediction + (1 << FINE - 5)) >> FINE - 4
            centre = (step + CENTRE) >> 4
            table = bucket * PHASES + CENTRE + (step - 16 * centre if bucket <= SPLIT_BUCKET else 0)
            if table not in tables:
                tables[table] = (cum[table].tolist(), shift_of(bucket))
            found = source.codes([tables[table]], lo - centre, hi - centre)
            if source.verdict != DECODED:
                return source.state, source.taken, source.verdict
            codes_RC[r, c] = code = found[0] + centre
            errors_C[c] = (code << FINE) - prediction
    return source.state, source.taken, source.verdict
