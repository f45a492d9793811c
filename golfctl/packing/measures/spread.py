"""How much packed sizes move between seeds: several packings of one recipe beside each other."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA = "pack-spread/1"


@dataclass(frozen=True)
class Spread:
    """Counted bytes over several artifacts; `margin_bytes` is what a budget should keep free for a seed like these."""

    artifacts: int
    smallest_bytes: int
    mean_bytes: float
    largest_bytes: int
    deviation_bytes: float
    margin_bytes: int


def spread(counted_bytes: Sequence[int]) -> Spread:
    """Summarise at least two sizes in bytes; the margin is three sample standard deviations, rounded up."""
    if len(counted_bytes) < 2:
        raise ValueError("a spread needs at least two sizes")
    deviation = statistics.stdev(counted_bytes)
    return Spread(
        len(counted_bytes),
        min(counted_bytes),
        statistics.fmean(counted_bytes),
        max(counted_bytes),
        deviation,
        math.ceil(3 * deviation),
    )


def spread_report(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`pack-spread/1` of several `pack-report/1` documents, as plain JSON values."""
    found = spread([report["counted_bytes"] for report in reports])
    return {"schema": SCHEMA, "reports": list(reports), "spread": asdict(found)}
