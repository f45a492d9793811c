"""What quantising did to each group of tensors: the table `golfctl pack` prints.

R rows, C columns.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from golfctl.packing.assignment import GROUPS, Assignment
from golfctl.quant import QuantizedTensor, dequantize
from golfctl.quant.stats import LayerStats, estimated_loss, hessian_error


class TensorFigures(NamedTuple):
    """Size and errors of one tensor; errors and norms are sums of squares.

    bytes: what its parts cost coded (streams shared between tensors: by share of raw bytes). weighted_*: with the
    Hessian of calibration, None without. loss: estimated nats per token, None without gradients.
    """

    name: str
    group: str
    scheme: str
    parameters: int
    bytes: int
    error: float
    norm: float
    weighted_error: float | None
    weighted_norm: float | None
    loss: float | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """What was chosen for the tensor and what it does, as plain JSON values."""
        return {
            "name": self.name,
            "scheme": self.scheme,
            "bytes": self.bytes,
            "bits_per_weight": 8 * self.bytes / self.parameters,
            "relative_error": _ratio([self.error], [self.norm]) or 0.0,
            "weighted_error": _ratio([self.weighted_error], [self.weighted_norm]),
            "estimated_loss": self.loss,
        }


class GroupFigures(NamedTuple):
    """Sums over one group. relative_error is ‖Ŵ − W‖ / ‖W‖ over its tensors, weighted_error the same for their
    outputs on calibration text, estimated_loss in nats per token."""

    group: str
    schemes: str
    tensors: int
    parameters: int
    bytes: int
    bits_per_weight: float
    relative_error: float
    weighted_error: float | None
    estimated_loss: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self._asdict()


def tensor_figures(
    assignment: Assignment, quantized: QuantizedTensor, weight: Tensor, stats: LayerStats | None, coded_bytes: int
) -> TensorFigures:
    """Compare a tensor with what a reader will decode."""
    decoded = torch.from_numpy(dequantize(quantized.scheme, quantized.shape, quantized.parts))
    weight = weight.to(torch.float32)
    delta = decoded - weight
    return TensorFigures(
        name=assignment.name,
        group=assignment.group,
        scheme=quantized.scheme,
        parameters=weight.numel(),
        bytes=coded_bytes,
        error=float(delta.double().square().sum()),
        norm=float(weight.double().square().sum()),
        weighted_error=None if stats is None else _weighted(delta, stats),
        weighted_norm=None if stats is None else _weighted(weight, stats),
        loss=None if stats is None or stats.gradient is None else estimated_loss(delta, stats),
        notes=quantized.notes,
    )


def _weighted(matrix: Tensor, stats: LayerStats) -> float:
    return float(hessian_error(matrix, stats.hessian_CC).sum(dtype=torch.float64))


def group_figures(figures: Iterable[TensorFigures]) -> list[GroupFigures]:
    """One row per group that occurs, in the order of `GROUPS`."""
    rows: dict[str, list[TensorFigures]] = {}
    for row in figures:
        rows.setdefault(row.group, []).append(row)
    return [_sum(group, rows[group]) for group in GROUPS if group in rows]


def _sum(group: str, rows: Sequence[TensorFigures]) -> GroupFigures:
    parameters = sum(row.parameters for row in rows)
    coded = sum(row.bytes for row in rows)
    losses = [row.loss for row in rows]
    return GroupFigures(
        group=group,
        schemes=", ".join(sorted({row.scheme for row in rows})),
        tensors=len(rows),
        parameters=parameters,
        bytes=coded,
        bits_per_weight=8 * coded / parameters,
        relative_error=_ratio([row.error for row in rows], [row.norm for row in rows]) or 0.0,
        weighted_error=_ratio([row.weighted_error for row in rows], [row.weighted_norm for row in rows]),
        estimated_loss=None if None in losses else sum(loss for loss in losses if loss is not None),
    )


def _ratio(errors: Sequence[float | None], norms: Sequence[float | None]) -> float | None:
    """√(Σ errors / Σ norms) over the tensors that have them; None when none has."""
    pairs = [(e, n) for e, n in zip(errors, norms, strict=True) if e is not None and n is not None]
    norm = sum(n for _, n in pairs)
    return (sum(e for e, _ in pairs) / norm) ** 0.5 if norm > 0 else None
