"""Tables of `rans-lp/1`: those of `rans/1`, centred on sixteenths of a code, unclipped."""

import numpy as np

from golfctl.coding.rans.distributions import (
    BUCKETS,
    PER_OCTAVE,
    POINTS,
    REACH,
    SPLIT_BUCKET,
    Array,
    Tables,
    add_table,
    cached_masses,
    empty_tables,
    shift_of,
    used_buckets,
)

FIRST_FIT = 32  # rows before the first prediction
PHASES, CENTRE = POINTS, POINTS // 2  # of a code's sixteenths: the table's row says where its centre is
FRACTION = 20  # bits after the point, of correlations and factors
FINE = 12  # the same, of predictions and slopes
SMALLEST = 1 << 10  # variance that a column keeps
STEEPEST = 1 << 19  # slope


def used_tables(rows_R: Array, columns_C: Array, m: int) -> Tables:
    """Row 16·b + phase + 8 is the table of bucket b with its centre moved by phase/16, phase −8 … 7."""
    tables = empty_tables(BUCKETS * POINTS)
    for bucket in used_buckets(rows_R, columns_C).tolist():
        reduced = bucket - PER_OCTAVE * shift_of(bucket)
        for phase in range(-POINTS // 2, POINTS // 2) if bucket <= SPLIT_BUCKET else [0]:
            mass = cached_masses(reduced, m, phase)
            add_table(tables, bucket * POINTS + phase + POINTS // 2, mass, -REACH, REACH)
    return Tables(np.ascontiguousarray(tables.cum), tables.look)
