"""A bootstrap over the documents of one text that both sets of runs scored.

Welch's test takes the spread from seeds: would other seeds show the gain too? This one takes it from documents: would
other documents? Bits of a document are the mean over a set's runs; documents are drawn with replacement, always for
both sets at once (Efron and Tibshirani 1993, chapter 13). D documents, N draws.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from golfctl.comparison.receipt import Receipt

_DRAWS, _AT_ONCE, _CONFIDENCE = 10_000, 1_000, 0.95
_CELLS = 2_000_000  # documents times draws held at once


class PairedDocuments(NamedTuple):
    """`gain_bpb` is that of all documents, base - new: positive when new is better. Bits per byte."""

    documents: int
    documents_better: int
    gain_bpb: float
    interval_95_bpb: tuple[float, float]
    draws: int


def paired_documents(base: Sequence[Receipt], new: Sequence[Receipt]) -> PairedDocuments | None:
    """The gain over resampled documents; None where reports list none, a single one, different or empty ones."""
    tables = [table for receipt in (*base, *new) if (table := receipt.documents)]
    if len(tables) < len(base) + len(new) or any(held != tables[0][0] for held, _ in tables):
        return None
    bytes_D = np.array(tables[0][0], np.float64)
    if len(bytes_D) < 2 or not bytes_D.all():
        return None
    sides = tables[: len(base)], tables[len(base) :]
    base_D, new_D = (np.mean([bits for _, bits in side], axis=0) for side in sides)
    saved_D = base_D - new_D
    low, high = _interval(saved_D, bytes_D)
    return PairedDocuments(
        len(bytes_D), int((saved_D > 0).sum()), float(saved_D.sum() / bytes_D.sum()), (low, high), _DRAWS
    )


def _interval(saved_D: np.ndarray, bytes_D: np.ndarray) -> tuple[float, float]:
    rng, count = np.random.default_rng(0), len(saved_D)
    at_once = max(1, min(_AT_ONCE, _CELLS // count))
    gains: list[np.ndarray] = []
    for first in range(0, _DRAWS, at_once):
        drawn_ND = rng.integers(0, count, (min(at_once, _DRAWS - first), count))
        gains.append(saved_D[drawn_ND].sum(axis=1) / bytes_D[drawn_ND].sum(axis=1))
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(gains), (tail, 1 - tail))
    return float(low), float(high)


def as_json(found: PairedDocuments | None) -> dict[str, Any] | None:
    """The same as plain JSON values."""
    return None if found is None else {**found._asdict(), "interval_95_bpb": list(found.interval_95_bpb)}
