"""How `rans/1` sends its side information: the spreads of rows and columns, as vectors of small integers."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from golfctl.coding.rans.distributions import COST_ONE, REACH, Tables, build, costs

Array = np.ndarray[Any, Any]
SIDE_REACH = 120  # a row or column spread is within ± this of the base
SIDE_SHAPE = 6  # m of the tables
SIDE_BUCKETS = 65
_RANGE = (-REACH, REACH)  # differences may need the escape


class Side(NamedTuple):
    """How a vector of spreads is coded: not at all (all zero), or with one table, plain or as differences."""

    present: bool
    bucket: int = 0
    delta: bool = False


def choose_side(values: Array) -> Side:
    """The cheapest way to code a vector of spreads."""
    if not values.any():
        return Side(False)
    priced = []
    for delta in (False, True):
        totals = side_costs()[:, _symbols(values, delta)].sum(axis=1, dtype=np.int64)
        priced.append((int(totals.min()), delta, int(totals.argmin())))
    _, delta, bucket = min(priced)
    return Side(True, bucket, delta)


def side_bits(values: Array, side: Side) -> float:
    """Code length of a vector of spreads in bits."""
    if not side.present:
        return 0.0
    return float(side_costs()[side.bucket, _symbols(values, side.delta)].sum(dtype=np.int64)) / COST_ONE


def side_tables(side: Side) -> Tables:
    """The one table a vector of spreads is coded with, in its bucket's row."""
    return build(np.array([side.bucket]), SIDE_SHAPE, *_RANGE)


def differences(values: Array, side: Side) -> Array:
    """What is coded: the values, or each less the one before (the first as it is)."""
    wide = values.astype(np.int64)
    return np.diff(wide, prepend=0) if side.delta else wide


@lru_cache(maxsize=1)
def side_costs() -> Array:
    """Code lengths [SIDE_BUCKETS, 2·REACH + 1] in 1/COST_ONE bits."""
    return costs(np.arange(SIDE_BUCKETS), SIDE_SHAPE, *_RANGE)[:SIDE_BUCKETS]


def _symbols(values: Array, delta: bool) -> Array:
    return np.clip(differences(values, Side(True, 0, delta)), *_RANGE) + REACH
