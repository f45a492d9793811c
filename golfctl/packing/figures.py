"""What quantising did to each group of tensors: the table `golfctl pack` prints.

R rows, C columns.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from golfctl.packing.assignment import GROUPS, Assignment
from golfctl.quant import QuantizedTensor, dequantize


class TensorFigures(NamedTuple):
    """Error and size of one tensor. Bytes are what its parts cost coded (shared streams: by share of raw bytes)."""

    name: str
    group: str
    scheme: str
    parameters: int
    bytes: float
    squared_error: float
    squared_norm: float
    notes: tuple[str, ...]


class GroupFigures(NamedTuple):
    """Sums over one group; relative_error is ‖Ŵ − W‖ / ‖W‖ over all its tensors."""

    group: str
    schemes: str
    tensors: int
    parameters: int
    bytes: int
    bits_per_weight: float
    relative_error: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self._asdict()


def tensor_figures(
    assignment: Assignment, quantized: QuantizedTensor, weight: np.ndarray, coded_bytes: float
) -> TensorFigures:
    """Compare a tensor with what a reader will decode."""
    decoded = dequantize(quantized.scheme, quantized.shape, quantized.parts)
    error = float(np.square(decoded.astype(np.float64) - weight).sum())
    norm = float(np.square(weight.astype(np.float64)).sum())
    return TensorFigures(
        assignment.name, assignment.group, quantized.scheme, weight.size, coded_bytes, error, norm, quantized.notes
    )


def group_figures(figures: Iterable[TensorFigures]) -> list[GroupFigures]:
    """One row per group that occurs, in the order of `GROUPS`."""
    rows: dict[str, list[TensorFigures]] = {}
    for row in figures:
        rows.setdefault(row.group, []).append(row)
    return [_sum(group, rows[group]) for group in GROUPS if group in rows]


def _sum(group: str, rows: list[TensorFigures]) -> GroupFigures:
    parameters = sum(row.parameters for row in rows)
    coded = sum(row.bytes for row in rows)
    norm = sum(row.squared_norm for row in rows)
    return GroupFigures(
        group=group,
        schemes=", ".join(sorted({row.scheme for row in rows})),
        tensors=len(rows),
        parameters=parameters,
        bytes=round(coded),
        bits_per_weight=8 * coded / parameters,
        relative_error=(sum(row.squared_error for row in rows) / norm) ** 0.5 if norm else 0.0,
    )
