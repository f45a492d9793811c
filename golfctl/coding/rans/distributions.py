"""Distribution tables of `rans/1`, by integer arithmetic alone: every machine and language gets the same numbers.

A spread of b eighth-octaves means a scale of 2^((b - 32)/8) quantisation steps (b = 0: 1/16 step). The density is
(1 + x²/(2mσ²))^-m, from Cauchy-like tails (m = 1) to a Gaussian (m = 1024): a Gaussian whose spread is itself not
quite known. A bin's mass is the sum of the density at 16 points inside it, in 31-bit fixed point.

Beyond σ = 16 (b > 64) a code is split: its low `shift` bits are coded as they are, the rest by the table of σ/2^shift.
Shapes: S symbols of one table, P phases (sixteenths of a step by which the centre is moved).
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

PER_OCTAVE = 8
BUCKETS = 320  # spreads: σ from 2^-4 to beyond 2^35
SPLIT_BUCKET = 64  # the last spread (σ = 16) coded without a shift
REACH = 127  # symbols are -REACH … REACH; the outermost stand for everything beyond and are followed by an escape
TOTAL_BITS = 20  # frequencies of one table sum to 2^20
ESCAPE_BITS = 6  # the length of an escape is coded in this many plain bits
LONGEST_ESCAPE = 33
FARTHEST_BITS = 33  # a shifted symbol beyond ±2^33 is damage, found before it is shifted
DECODED, OUT_OF_WORDS, OUT_OF_RANGE = 0, 1, 2  # how a loop ends: with all values, or at the first that is not right
PIECE_BITS = 16  # plain bits are coded at most this many at a time
POINTS = 16  # density points per bin, and the phases that a centre can be moved by
SHAPES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 1024)  # m
_ONE = 1 << 31
_QUARTER_POWERS = (65536, 77935, 92681, 110217)  # floor(2^16 · 2^(k/4))
_TOPS = (np.arange(256) << (TOTAL_BITS - 8)).astype(np.uint32)
_COST_BITS = 10
COST_ONE = 1 << _COST_BITS  # one bit, in the unit of costs


class Tables(NamedTuple):
    """Tables of one shape; row b holds the table of bucket b."""

    cum: Array  # uint32 [rows, 2·REACH + 2]: symbol s of index s + REACH owns slots cum[s + REACH] … cum[s + REACH + 1]
    look: Array  # uint8 [rows, 256]: the index that owns slot top byte · 2^12


def shift_of(bucket: int) -> int:
    """How many low bits of a code are coded as they are."""
    return 0 if bucket <= SPLIT_BUCKET else (bucket - SPLIT_BUCKET + PER_OCTAVE - 1) // PER_OCTAVE


def masses(bucket: int, m: int, phase: int) -> Array:
    """Unnormalised masses int64 [2·REACH + 1] of the bins -REACH … REACH around a centre moved by phase/16."""
    quarter = bucket - 32  # log2 σ² in quarters of an octave
    power = _QUARTER_POWERS[quarter % 4]
    a = np.int64(2 * m * (power << quarter // 4 + 10 >> 16))  # 2mσ², σ in units of 1/32 step
    points = np.arange(-(2 * REACH + 1) * POINTS // 2, (2 * REACH + 1) * POINTS // 2, dtype=np.int64)
    x = 2 * points + 1 - 2 * phase
    ratio = (a * _ONE) // (a + x * x)
    density = np.full(x.size, _ONE, np.int64)
    while m:
        if m & 1:
            density = density * ratio >> 31
        ratio, m = ratio * ratio >> 31, m >> 1
    return density.reshape(-1, POINTS).sum(axis=1)


def frequencies(mass: Array, lo: int, hi: int) -> Array:
    """Frequencies int64 [2·REACH + 1] summing to 2^20: masses beyond lo and hi fold onto them; outside they are 0.

    Every symbol from lo to hi gets 1 and its share of the rest, rounded down; what rounding leaves goes to the first
    symbol of the largest mass.
    """
    lo, hi = min(max(lo, -REACH), REACH), min(max(hi, -REACH), REACH)
    left, right = lo + REACH, hi + REACH
    inside = mass[left : right + 1].copy()
    inside[0] += mass[:left].sum()
    inside[-1] += mass[right + 1 :].sum()
    total = 1 << TOTAL_BITS
    share = 1 + inside * (total - inside.size) // inside.sum()
    share[inside.argmax()] += total - share.sum()
    result = np.zeros(2 * REACH + 1, np.int64)
    result[left : right + 1] = share
    return result


def bucket_range(bucket: int, lo: int, hi: int) -> tuple[int, int]:
    """The symbols that codes lo … hi become under this bucket's shift."""
    shift = shift_of(bucket)
    half = (1 << shift) >> 1
    return (lo + half) >> shift, (hi + half) >> shift


@lru_cache(maxsize=4096)
def cached_masses(reduced_bucket: int, m: int, phase: int) -> Array:
    """`masses`, kept; not to be written to."""
    mass = masses(reduced_bucket, m, phase)
    mass.setflags(write=False)
    return mass


def build(buckets: Array, m: int, lo: int, hi: int) -> Tables:
    """Tables for the buckets in use; rows of others are zero."""
    tables = empty_tables(BUCKETS)
    for bucket in buckets.tolist():
        mass = cached_masses(bucket - PER_OCTAVE * shift_of(bucket), m, 0)
        add_table(tables, bucket, mass, *bucket_range(bucket, lo, hi))
    return tables


def empty_tables(rows: int) -> Tables:
    """Room for `rows` tables."""
    return Tables(np.zeros((rows, 2 * REACH + 2), np.uint32), np.zeros((rows, 256), np.uint8))


def add_table(tables: Tables, row: int, mass: Array, lo: int, hi: int) -> None:
    """Fill in one row."""
    tables.cum[row, 1:] = np.cumsum(frequencies(mass, lo, hi))
    tables.look[row] = np.searchsorted(tables.cum[row, 1:], _TOPS, side="right")


def costs(buckets: Array, m: int, lo: int, hi: int) -> Array:
    """Code lengths int32 [BUCKETS, 2·REACH + 1] in 1/COST_ONE bits, for choosing only: a decoder never needs them."""
    result = np.zeros((BUCKETS, 2 * REACH + 1), np.int32)
    freq = [
        frequencies(cached_masses(bucket - PER_OCTAVE * shift_of(bucket), m, 0), *bucket_range(bucket, lo, hi))
        for bucket in buckets.tolist()
    ]
    result[buckets] = TOTAL_BITS * COST_ONE - _log2(np.maximum(np.array(freq), 1))
    return result


@lru_cache(maxsize=32)
def all_costs(m: int, lo: int, hi: int) -> Array:
    """`costs` of every bucket; not to be written to."""
    result = costs(np.arange(BUCKETS), m, lo, hi)
    result.setflags(write=False)
    return result


def _log2(values: Array) -> Array:
    """COST_ONE · log2, rounded, of integers from 1 to 2^20: by squaring, so that it is the same number everywhere."""
    whole = np.zeros(values.shape, np.int64)
    for step in (16, 8, 4, 2, 1):
        whole += np.where(values >> (whole + step) > 0, step, 0)
    mantissa, result = values << (30 - whole), whole
    for _ in range(_COST_BITS + 1):
        mantissa = mantissa * mantissa >> 30
        carry = mantissa >> 31
        mantissa, result = mantissa >> carry, 2 * result + carry
    return (result + 1) >> 1


def used_buckets(rows_R: Array, columns_C: Array) -> Array:
    """Buckets that occur among the sums of row and column spreads."""
    sums = np.unique(rows_R)[:, None] + np.unique(columns_C)[None, :]
    return np.unique(np.clip(sums, 0, BUCKETS - 1))
