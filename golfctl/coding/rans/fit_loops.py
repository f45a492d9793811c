"""The compiled loops of the fit: buckets from moments, moves of spreads by code length, counts of symbols.

Shapes: R rows, C columns. Sums run in a fixed order, so that every machine finds the same.
"""

import math

import numpy as np

from golfctl.coding.rans.compiled_loops import shift_of
from golfctl.coding.rans.distributions import BUCKETS, COST_ONE, REACH
from golfctl.coding.rans.side import SIDE_REACH
from golfctl.core.machine.compiled import compiled


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
def row_buckets(codes_RC, columns_C, base):  # type: ignore[no-untyped-def]
    """Spread of every row, given those of the columns: `base` and the bucket of its weighted mean square."""
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
def column_buckets(codes_RC, rows_R):  # type: ignore[no-untyped-def]
    """Spread of every column, given those of the rows."""
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
def move_rows(codes_RC, rows_R, columns_C, base, cost, prices):  # type: ignore[no-untyped-def]
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
def move_columns(codes_RC, rows_R, columns_C, base, cost, prices):  # type: ignore[no-untyped-def]
    """As `move_rows`, for columns."""
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
def histogram(codes_RC, rows_R, columns_C):  # type: ignore[no-untyped-def]
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
