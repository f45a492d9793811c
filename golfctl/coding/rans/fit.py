"""Encoder side of `rans/1`: finds row and column spreads and the table shape by code length.

Nothing here is needed for decoding. All decisions compare integers or correctly rounded sums in a fixed order,
so they come out the same on every machine. Shapes: R rows, C columns, B buckets.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from golfctl.coding.rans.compiled_loops import shift_of
from golfctl.coding.rans.distributions import BUCKETS, COST_ONE, REACH, SHAPES, all_costs, costs
from golfctl.coding.rans.side import SIDE_REACH, choose_side, side_bits, side_costs
from golfctl.core.machine.compiled import compiled

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
            moved = _move_rows(codes_RC, rows_R, columns_C, base, cost, _prices(rows_R))
            moved += _move_columns(codes_RC, rows_R, columns_C, base, cost, _prices(columns_C))
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
    counts, plain_bits = _histogram(codes_RC, base + rows_R, columns_C)
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
        _move_rows(codes_RC, rows_R, columns_C, base, cost, _prices(rows_R))
        _move_columns(codes_RC, rows_R, columns_C, base, cost, _prices(columns_C))
    shape, total = _best_shape(codes_RC, base + rows_R, columns_C, lo, hi)
    return Fit(base, rows_R, columns_C, shape, total / COST_ONE)


def _moments(codes_RC: Array) -> tuple[Array, Array]:
    """First spreads: row and column mean squares, fitted in turn."""
    rows, columns = codes_RC.shape
    rows_R, columns_C = np.zeros(rows, np.int32), np.zeros(columns, np.int32)
    for _ in range(3):
        rows_R = _row_buckets(codes_RC, columns_C, 32)
        columns_C = _column_buckets(codes_RC, rows_R - 32)
        columns_C -= np.int32(np.sort(columns_C)[columns // 2])
    return rows_R, columns_C


def _best_shape(codes_RC: Array, rows_R: Array, columns_C: Array, lo: int, hi: int) -> tuple[int, int]:
    counts, plain_bits = _histogram(codes_RC, rows_R, columns_C)
    used = np.flatnonzero(counts.any(axis=1))
    totals = [int((costs(used, m, lo, hi)[used].astype(np.int64) * counts[used]).sum()) for m in SHAPES]
    shape = int(np.argmin(totals))
    return shape, totals[shape] + int(plain_bits) * COST_ONE


def _centred(rows_R: Array, columns_C: Array) -> tuple[int, Array, Array]:
    base = int(np.sort(rows_R)[rows_R.size // 2])
    reach = SIDE_REACH
    return base, np.clip(rows_R - base, -reach, reach), np.clip(columns_C, -reach, reach)


@compiled
def _bucket_of_power(power):  # type: ignore[no-untyped-def]
    """Eighth-octaves of a scale whose square is `power` (in squared steps): 4·log2(power), rounded to even ranges."""
    if power <= 0.0:
        return -32
    octave = 0
    while power >= 2.0:
        power *= 0.5
        octave += 1
    while power < 1.0:
        power *= 2.0
        octave -= 1
    step = 0
    if power >= 1.0905077326652577:
        step = 1
    if power >= 1.2968395546510096:
        step = 2
    if power >= 1.5422108254079407:
        step = 3
    if power >= 1.8340080864093424:
        step = 4
    return 4 * octave + step


@compiled
def _weights(spreads):  # type: ignore[no-untyped-def]
    """1/σ² of spreads in eighth-octaves, from constants, so that it is the same number everywhere."""
    quarters = (1.0, 0.8408964152537145, 0.7071067811865476, 0.5946035575013605)
    result = np.empty(spreads.size, np.float64)
    for i in range(spreads.size):
        result[i] = math.ldexp(quarters[spreads[i] & 3], -(spreads[i] >> 2))
    return result


@compiled
def _row_buckets(codes_RC, columns_C, base):  # type: ignore[no-untyped-def]
    rows, columns = codes_RC.shape
    weight_C = _weights(columns_C)
    result_R = np.empty(rows, np.int32)
    for r in range(rows):
        power = 0.0
        for c in range(columns):
            q = np.float64(codes_RC[r, c])
            power += q * q * weight_C[c]
        result_R[r] = base + max(_bucket_of_power(power / columns), -24)
    return result_R


@compiled
def _column_buckets(codes_RC, rows_R):  # type: ignore[no-untyped-def]
    rows, columns = codes_RC.shape
    weight_R = _weights(rows_R)
    power_C = np.zeros(columns)
    for r in range(rows):
        for c in range(columns):
            q = np.float64(codes_RC[r, c])
            power_C[c] += q * q * weight_R[r]
    result_C = np.empty(columns, np.int32)
    for c in range(columns):
        result_C[c] = max(_bucket_of_power(power_C[c] / rows), -24)
    return result_C


@compiled
def _price(code, bucket, cost):  # type: ignore[no-untyped-def]
    """Code length of one integer under one bucket, in 1/COST_ONE bits."""
    bucket = min(max(bucket, 0), BUCKETS - 1)
    shift = shift_of(bucket)
    high = (np.int64(code) + ((np.int64(1) << shift) >> 1)) >> shift
    if -REACH < high < REACH:
        return np.int64(cost[bucket, high + REACH]) + shift * COST_ONE
    beyond, bits = abs(high) - REACH + 1, 6
    while beyond > 1:
        beyond >>= 1
        bits += 1
    return np.int64(cost[bucket, min(max(high, -REACH), REACH) + REACH]) + (shift + bits) * COST_ONE


@compiled
def _step(value, less, same, more, prices):  # type: ignore[no-untyped-def]
    """-1, 0 or 1: where codes and the spread itself together are cheapest."""
    at = value + SIDE_REACH + 1
    less, same, more = less + prices[at - 1], same + prices[at], more + prices[at + 1]
    if min(less, more) >= same:
        return 0
    return -1 if less <= more else 1


@compiled
def _move_rows(codes_RC, rows_R, columns_C, base, cost, prices):  # type: ignore[no-untyped-def]
    """Move each row's spread by at most one step to where it is cheapest; returns how many moved."""
    moved = 0
    for r in range(rows_R.size):
        less, same, more = np.int64(0), np.int64(0), np.int64(0)
        for c in range(columns_C.size):
            bucket, q = base + rows_R[r] + columns_C[c], codes_RC[r, c]
            less += _price(q, bucket - 1, cost)
            same += _price(q, bucket, cost)
            more += _price(q, bucket + 1, cost)
        step = _step(rows_R[r], less, same, more, prices)
        rows_R[r] += step
        moved += step != 0
    return moved


@compiled
def _move_columns(codes_RC, rows_R, columns_C, base, cost, prices):  # type: ignore[no-untyped-def]
    """As `_move_rows`, for columns."""
    total = np.zeros((3, columns_C.size), np.int64)
    for r in range(rows_R.size):
        for c in range(columns_C.size):
            bucket, q = base + rows_R[r] + columns_C[c], codes_RC[r, c]
            total[0, c] += _price(q, bucket - 1, cost)
            total[1, c] += _price(q, bucket, cost)
            total[2, c] += _price(q, bucket + 1, cost)
    moved = 0
    for c in range(columns_C.size):
        step = _step(columns_C[c], total[0, c], total[1, c], total[2, c], prices)
        columns_C[c] += step
        moved += step != 0
    return moved


@compiled
def _histogram(codes_RC, rows_R, columns_C):  # type: ignore[no-untyped-def]
    """Counts [BUCKETS, 2·REACH + 1] of table symbols per bucket, and the plain bits beside them."""
    counts = np.zeros((BUCKETS, 2 * REACH + 1), np.int64)
    plain = np.int64(0)
    for r in range(codes_RC.shape[0]):
        for c in range(codes_RC.shape[1]):
            bucket = min(max(rows_R[r] + columns_C[c], 0), BUCKETS - 1)
            shift = shift_of(bucket)
            high = (np.int64(codes_RC[r, c]) + ((np.int64(1) << shift) >> 1)) >> shift
            symbol = min(max(high, -REACH), REACH)
            counts[bucket, symbol + REACH] += 1
            plain += shift
            if symbol == REACH or symbol == -REACH:
                beyond = abs(high) - REACH + 1
                plain += 6
                while beyond > 1:
                    beyond >>= 1
                    plain += 1
    return counts, plain
