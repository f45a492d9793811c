"""Encoder side of `rans/1`: finds row and column spreads and the table shape by code length.

Nothing here is needed for decoding. All decisions compare integers or correctly rounded sums in a fixed order,
so they come out the same on every machine. Shapes: R rows, C columns, B buckets.
"""

from typing import Any, NamedTuple

import numpy as np

from golfctl.coding.rans.distributions import COST_ONE, REACH, SHAPES, all_costs, costs
from golfctl.coding.rans.fit_loops import column_buckets, histogram, move_columns, move_rows, row_buckets
from golfctl.coding.rans.side import SIDE_REACH, choose_side, side_bits, side_costs

Array = np.ndarray[Any, Any]
_ROUNDS, _SWEEPS, _QUICK_SWEEPS = 2, 6, 2
_FIRST_SHAPE = 8


class Fit(NamedTuple):
    """Spreads in eighth-octaves: cell (r, c) has bucket clip(base + rows[r] + columns[c])."""

    base: int
    rows_R: Array
    columns_C: Array
    shape: int  # index into SHAPES
    bits: float  # of the codes alone


def fit(codes_RC: Array, lo: int, hi: int) -> Fit:
    """Spreads and shape of smallest code length, side information included (descent from the fitted moments)."""
    base, rows_R, columns_C = _centred(*_moments(codes_RC))
    shape = SHAPES.index(_FIRST_SHAPE)
    for _ in range(_ROUNDS):
        cost = all_costs(SHAPES[shape], lo, hi)
        for _ in range(_SWEEPS):
            moved = move_rows(codes_RC, rows_R, columns_C, base, cost, _prices(rows_R))
            moved += move_columns(codes_RC, rows_R, columns_C, base, cost, _prices(columns_C))
            if moved * 32 < rows_R.size + columns_C.size:
                break
        rows_R, columns_C = _without_useless(codes_RC, rows_R, columns_C, base, cost)
        shape, total = _best_shape(codes_RC, base + rows_R, columns_C, lo, hi)
    return Fit(base, rows_R, columns_C, shape, total / COST_ONE)


def _without_useless(codes_RC: Array, rows_R: Array, columns_C: Array, base: int, cost: Array) -> tuple[Array, Array]:
    """Drop row or column spreads that cost more than they save, as in small matrices of even spread."""
    no_rows, no_columns = np.zeros_like(rows_R), np.zeros_like(columns_C)
    choices = [(rows_R, columns_C), (no_rows, columns_C), (rows_R, no_columns), (no_rows, no_columns)]
    bits = [_total_bits(codes_RC, rows, columns, base, cost) for rows, columns in choices]
    return choices[int(np.argmin(bits))]


def _total_bits(codes_RC: Array, rows_R: Array, columns_C: Array, base: int, cost: Array) -> float:
    counts, plain_bits = histogram(codes_RC, base + rows_R, columns_C)
    sides = sum(side_bits(values, choose_side(values)) for values in (rows_R, columns_C))
    return float((counts * cost).sum()) / COST_ONE + float(plain_bits) + sides


def _prices(values: Array) -> Array:
    """What each spread −SIDE_REACH … SIDE_REACH costs to send, were it coded like the present `values`."""
    side = choose_side(values)
    prices = np.zeros(2 * SIDE_REACH + 3, np.int64)
    if side.present and not side.delta:
        prices[1:-1] = side_costs()[side.bucket][REACH - SIDE_REACH : REACH + SIDE_REACH + 1]
    prices[[0, -1]] = 1 << 40
    return prices


def quick_fit(codes_RC: Array, lo: int, hi: int) -> Fit:
    """Spreads from moments and two sweeps; the shape by code length."""
    base, rows_R, columns_C = _centred(*_moments(codes_RC))
    cost = all_costs(_FIRST_SHAPE, lo, hi)
    for _ in range(_QUICK_SWEEPS):
        move_rows(codes_RC, rows_R, columns_C, base, cost, _prices(rows_R))
        move_columns(codes_RC, rows_R, columns_C, base, cost, _prices(columns_C))
    shape, total = _best_shape(codes_RC, base + rows_R, columns_C, lo, hi)
    return Fit(base, rows_R, columns_C, shape, total / COST_ONE)


def _moments(codes_RC: Array) -> tuple[Array, Array]:
    """First spreads: row and column mean squares, fitted in turn."""
    rows, columns = codes_RC.shape
    rows_R, columns_C = np.zeros(rows, np.int32), np.zeros(columns, np.int32)
    for _ in range(3):
        rows_R = row_buckets(codes_RC, columns_C, 32)
        columns_C = column_buckets(codes_RC, rows_R - 32)
        columns_C -= np.int32(np.sort(columns_C)[columns // 2])
    return rows_R, columns_C


def _best_shape(codes_RC: Array, rows_R: Array, columns_C: Array, lo: int, hi: int) -> tuple[int, int]:
    counts, plain_bits = histogram(codes_RC, rows_R, columns_C)
    used = np.flatnonzero(counts.any(axis=1))
    totals = [int((costs(used, m, lo, hi)[used].astype(np.int64) * counts[used]).sum()) for m in SHAPES]
    shape = int(np.argmin(totals))
    return shape, totals[shape] + int(plain_bits) * COST_ONE


def _centred(rows_R: Array, columns_C: Array) -> tuple[int, Array, Array]:
    base = int(np.sort(rows_R)[rows_R.size // 2])
    reach = SIDE_REACH
    return base, np.clip(rows_R - base, -reach, reach), np.clip(columns_C, -reach, reach)
