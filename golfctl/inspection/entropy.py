"""`inspect --entropy`: order-0 entropy of the stored symbols beside the bytes spent, so that waste shows.

Integers: entropy of the values of one part. Floats: of each byte plane on its own, because 16-bit patterns are too many
for the few scales of a tensor. The figure is an ideal for a coder without contexts and without the cost of its table;
contexts (row and column spreads, prediction) can go below it.
"""

from collections import defaultdict
from typing import Any

import numpy as np

from golfctl.artifact import Artifact
from golfctl.core.progress import SILENT, Progress
from golfctl.inspection.decoding import decoded_parts


def symbol_entropy_bits(array: np.ndarray) -> float:
    """Order-0 entropy of a whole array in bits: items × bits per item."""
    if array.dtype.kind in "iu":
        return _bits(_counts(array))
    planes = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, array.dtype.itemsize)
    return sum(_bits(np.bincount(plane, minlength=256)) for plane in planes.T)


def tensor_entropies(artifact: Artifact, progress: Progress = SILENT) -> dict[str, float]:
    """Entropy in bytes of the stored symbols of each tensor, all its parts together."""
    bits: defaultdict[str, float] = defaultdict(float)
    for tensor, _, array in decoded_parts(artifact, progress):
        bits[tensor.name] += symbol_entropy_bits(array)
    return {name: value / 8 for name, value in bits.items()}


def add_entropy(report: dict[str, Any], entropies: dict[str, float]) -> None:
    """Add `entropy_bytes` and `waste_bytes` (bytes − entropy; below 0 where contexts beat order 0) to a report."""
    for tensor in report["tensors"]:
        tensor["entropy_bytes"] = entropies[tensor["name"]]
        tensor["waste_bytes"] = tensor["bytes"] - tensor["entropy_bytes"]
    report["entropy_bytes"] = sum(entropies.values())
    report["waste_bytes"] = sum(tensor["waste_bytes"] for tensor in report["tensors"])


def _counts(array: np.ndarray) -> np.ndarray:
    if array.itemsize <= 2:
        unsigned = np.ascontiguousarray(array).reshape(-1).view(np.uint8 if array.itemsize == 1 else np.uint16)
        return np.bincount(unsigned)
    return np.unique(array, return_counts=True)[1]


def _bits(counts: np.ndarray) -> float:
    counts = counts[counts > 0].astype(np.float64)
    total = counts.sum()
    return float(-(counts * np.log2(counts / total)).sum()) + 0.0
