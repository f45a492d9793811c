"""What a quantised tensor is made of, and the checks that every scheme shares. Numpy only: decoding needs no torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from golfctl.core.decoding_rules import DecodingError

Shape = tuple[int, ...]
Parts = dict[str, np.ndarray]


class PartSpec(NamedTuple):
    """What a reader must find for one part: the dtypes that are allowed, and its shape."""

    dtypes: tuple[str, ...]
    shape: Shape


@dataclass(frozen=True)
class QuantizedTensor:
    """Codes and side parameters of one tensor; `notes` names every fallback that was taken, in plain words."""

    scheme: str
    shape: Shape
    parts: Parts
    notes: tuple[str, ...] = field(default=())


class Layout(Protocol):
    """The decoding half of a scheme: which parts it has, and what they mean."""

    def part_specs(self, shape: Shape) -> dict[str, PartSpec]:
        """The parts of a tensor of this shape; raises ArtifactError when the shape does not fit the scheme."""

    def dequantize(self, shape: Shape, parts: Mapping[str, np.ndarray]) -> np.ndarray:
        """float32 array of `shape`; the parts have passed `check_parts`. Raises ArtifactError for bad values."""


def matrix_shape(scheme: str, shape: Shape) -> tuple[int, int]:
    """(rows, columns) of a matrix; raises ArtifactError for any other shape."""
    if len(shape) != 2 or min(shape) < 1:
        raise DecodingError("parts", f"{scheme} holds matrices; a tensor of shape {list(shape)} does not fit it")
    return shape[0], shape[1]


def check_parts(layout: Layout, scheme: str, shape: Shape, parts: Mapping[str, np.ndarray]) -> None:
    """Names, dtypes and shapes of `parts` as the scheme demands.

    Raises:
        ArtifactError: a part is missing, unknown, or of another dtype or shape.
    """
    specs = layout.part_specs(shape)
    if set(parts) != set(specs):
        raise DecodingError("parts", f"{scheme} needs the parts {sorted(specs)}, found {sorted(parts)}")
    for name, spec in specs.items():
        part = parts[name]
        if part.dtype.name not in spec.dtypes or part.shape != spec.shape:
            wanted = f"{'|'.join(spec.dtypes)}{list(spec.shape)}"
            raise DecodingError(
                "parts", f"{scheme} part {name!r} is {part.dtype.name}{list(part.shape)}, must be {wanted}"
            )


def elements(shape: Shape) -> int:
    """Number of entries of a tensor of this shape."""
    return math.prod(shape)
