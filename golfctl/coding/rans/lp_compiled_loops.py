"""Compiled loops of `rans-lp/1`: linear prediction along the rows, learned from the rows before, in integers.

Shapes: R rows, C columns. Predictions are in 1/4096 of a code; `step_RC` holds them in sixteenths. `MOST_CELLS` of
`lp_coder` keeps every sum within 63 bits.
"""

import numpy as np

from golfctl.coding.rans.compiled_loops import _put_code, _take_code, bucket_of, verdict_of
from golfctl.coding.rans.distributions import DECODED, SPLIT_BUCKET
from golfctl.coding.rans.lp_distributions import CENTRE, FINE, FIRST_FIT, FRACTION, PHASES, SMALLEST, STEEPEST
from golfctl.core.machine.compiled import compiled

_ONE = 1 << FRACTION


@compiled
def next_fit(rows):  # type: ignore[no-untyped-def]
    """The row count after `rows` at which the predictor is learned again."""
    return rows + (rows + 1) // 2


@compiled
def _root(value):  # type: ignore[no-untyped-def]
    """Whole square root of a number below 2^60."""
    root = np.int64(0)
    bit = np.int64(1) << 29
    while bit:
        if (root + bit) * (root + bit) <= value:
            root += bit
        bit >>= 1
    return root


@compiled
def _accumulate(sums_CC, codes_RC, first, last):  # type: ignore[no-untyped-def]
    """Add the products of codes of rows first … last − 1 (lower triangle)."""
    for r in range(first, last):
        for i in range(codes_RC.shape[1]):
            q = np.int64(codes_RC[r, i])
            for j in range(i + 1):
                sums_CC[i, j] += q * codes_RC[r, j]


@compiled
def _learn(sums_CC, rows, slopes_CC):  # type: ignore[no-untyped-def]
    """Factor the shrunk correlations as L·D·Lᵀ; slopes are L in the codes' own scale, 12 bits of fraction."""
    size = sums_CC.shape[0]
    root_C = np.empty(size, np.int64)
    for i in range(size):
        root_C[i] = max(_root(sums_CC[i, i]), 1)
    v_CC = np.zeros((size, size), np.int64)
    l_CC = np.zeros((size, size), np.int64)
    for i in range(size):
        for j in range(i):
            shared = (sums_CC[i, j] << FRACTION) // (root_C[i] * root_C[j])
            total = shared * rows // (rows + size)
            dot = np.int64(0)
            for k in range(j):
                dot += l_CC[i, k] * v_CC[j, k]
            total -= dot >> FRACTION
            v_CC[i, j] = total
            l_CC[i, j] = (total << FRACTION) // v_CC[j, j]
            slope = (l_CC[i, j] >> (FRACTION - FINE)) * root_C[i] // root_C[j]
            slopes_CC[i, j] = min(max(slope, -STEEPEST), STEEPEST)
        dot = np.int64(0)
        for k in range(i):
            dot += l_CC[i, k] * v_CC[i, k]
        v_CC[i, i] = max(_ONE - (dot >> FRACTION), SMALLEST)


@compiled
def _predict(slopes_CC, errors_C, c, lo, hi):  # type: ignore[no-untyped-def]
    """The predicted code of column c in 1/4096, from the errors of the columns before, within lo … hi."""
    total = np.int64(0)
    for k in range(c):
        total += slopes_CC[c, k] * errors_C[k]
    return min(max(total >> FINE, np.int64(lo) << FINE), np.int64(hi) << FINE)


@compiled
def _rounded(prediction):  # type: ignore[no-untyped-def]
    """In sixteenths of a code."""
    return (prediction + (1 << (FINE - 5))) >> (FINE - 4)


@compiled
def predict_matrix(codes_RC, lo, hi, step_RC):  # type: ignore[no-untyped-def]
    """Predictions of all codes in sixteenths, each from the codes before it alone."""
    rows, columns = codes_RC.shape
    sums_CC, slopes_CC = np.zeros((columns, columns), np.int64), np.zeros((columns, columns), np.int64)
    errors_C, fitted, due = np.zeros(columns, np.int64), 0, FIRST_FIT
    for r in range(rows):
        if r == due:
            _accumulate(sums_CC, codes_RC, fitted, r)
            _learn(sums_CC, r, slopes_CC)
            fitted, due = r, next_fit(r)
        for c in range(columns):
            prediction = _predict(slopes_CC, errors_C, c, lo, hi)
            step_RC[r, c] = _rounded(prediction)
            errors_C[c] = (np.int64(codes_RC[r, c]) << FINE) - prediction


@compiled
def _row_of(bucket, step):  # type: ignore[no-untyped-def]
    """Table row and the whole code that the table is centred on."""
    centre = (step + CENTRE) >> 4
    phase = step - 16 * centre if bucket <= SPLIT_BUCKET else 0
    return bucket * PHASES + phase + CENTRE, centre


@compiled
def put_predicted(state, words_W, used, codes_RC, step_RC, rows_R, columns_C, cum):  # type: ignore[no-untyped-def]
    """Code a matrix around its predictions, last cell first."""
    for r in range(rows_R.size - 1, -1, -1):
        for c in range(columns_C.size - 1, -1, -1):
            bucket = bucket_of(rows_R[r] + columns_C[c])
            row, centre = _row_of(bucket, step_RC[r, c])
            state, used = _put_code(state, words_W, used, codes_RC[r, c] - centre, bucket, cum[row])
    return state, used


@compiled
def take_predicted(state, words_W, taken, codes_RC, rows_R, columns_C, cum, look, lo, hi):  # type: ignore[no-untyped-def]
    """Undo `put_predicted` into `codes_RC`; returns (state, taken words, verdict: how it ended)."""
    columns = columns_C.size
    sums_CC, slopes_CC = np.zeros((columns, columns), np.int64), np.zeros((columns, columns), np.int64)
    errors_C, fitted, due = np.zeros(columns, np.int64), 0, FIRST_FIT
    for r in range(rows_R.size):
        if r == due:
            _accumulate(sums_CC, codes_RC, fitted, r)
            _learn(sums_CC, r, slopes_CC)
            fitted, due = r, next_fit(r)
        for c in range(columns):
            prediction = _predict(slopes_CC, errors_C, c, lo, hi)
            bucket = bucket_of(rows_R[r] + columns_C[c])
            row, centre = _row_of(bucket, _rounded(prediction))
            state, taken, code = _take_code(state, words_W, taken, bucket, cum[row], look[row])
            code += centre
            verdict = verdict_of(words_W, taken, code, lo, hi)
            if verdict != DECODED:
                return state, taken, verdict
            codes_RC[r, c] = code
            errors_C[c] = (code << FINE) - prediction
    return state, taken, DECODED
