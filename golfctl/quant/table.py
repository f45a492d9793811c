"""The schemes: byte layouts of quantised tensors, by versioned identifier; and `dequantize`, their one entry point."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from golfctl.core.decoding_rules import DecodingError
from golfctl.core.table import Table
from golfctl.quant.tensor import Layout, PartSpec, Shape, check_parts

SCHEMES = Table(
    "quantisation scheme",
    {
        **{f"int{bits}-row/1": f"golfctl.quant.schemes.rows:INT{bits}_ROW" for bits in range(2, 9)},
        "grid/1": "golfctl.quant.schemes.grid:GRID",
        "ternary-group/1": "golfctl.quant.schemes.ternary:TERNARY",
        "fp16/1": "golfctl.quant.schemes.floats:FP16",
        "fp32/1": "golfctl.quant.schemes.floats:FP32",
    },
)


def part_specs(scheme: str, shape: Shape) -> dict[str, PartSpec]:
    """The parts a tensor of `scheme` and `shape` consists of.

    Raises:
        ArtifactError: unknown scheme, or a shape that does not fit it.
    """
    layout: Layout = SCHEMES.find(scheme, partial(DecodingError, "scheme"))
    return layout.part_specs(tuple(shape))


def dequantize(scheme: str, shape: Shape, parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """The float32 tensor that `parts` stand for; exact: the same bits on every machine.

    Raises:
        ArtifactError: unknown scheme, parts that do not fit it, codes out of range, scales that are not finite.
    """
    layout: Layout = SCHEMES.find(scheme, partial(DecodingError, "scheme"))
    check_parts(layout, scheme, tuple(shape), parts)
    return layout.dequantize(tuple(shape), parts)
