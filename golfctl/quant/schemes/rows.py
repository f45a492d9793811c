"""`int2-row/1` … `int8-row/1`: signed integers times one fp16 scale per row.

R rows (output channels), C columns. W[r, c] = codes[r, c] · scales[r], computed in float32: an integer of at most 8
bits times an fp16 number of 11 significant bits fits float32's 24, so the product is exact everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golfctl.core.decoding_rules import DecodingError
from golfctl.quant.tensor import PartSpec, Shape, matrix_shape


@dataclass(frozen=True)
class RowLayout:
    """Integers of `bits` bits in int8 containers (the entropy coder takes out the slack), and their row scales."""

    bits: int

    @property
    def scheme(self) -> str:
        """The identifier."""
        return f"int{self.bits}-row/1"

    @property
    def limit(self) -> int:
        """Largest positive code; the smallest code is −limit − 1, though our own quantisers stay above it."""
        return 2 ** (self.bits - 1) - 1

    def part_specs(self, shape: Shape) -> dict[str, PartSpec]:
        """`codes` int8 [R, C] and `scales` fp16 [R]."""
        rows, columns = matrix_shape(self.scheme, shape)
        return {"codes": PartSpec(("int8",), (rows, columns)), "scales": PartSpec(("float16",), (rows,))}

    def dequantize(self, shape: Shape, parts: Mapping[str, np.ndarray]) -> np.ndarray:
        """Codes times scales."""
        codes_RC, scales_R = parts["codes"], parts["scales"].astype(np.float32)
        if codes_RC.max() > self.limit or codes_RC.min() < -self.limit - 1:
            raise DecodingError("values", f"{self.scheme}: a code lies outside −{self.limit + 1}…{self.limit}")
        if not np.isfinite(scales_R).all() or scales_R.min() < 0:
            raise DecodingError("values", f"{self.scheme}: a scale is negative, NaN or infinite")
        weight_RC = codes_RC.astype(np.float32)
        weight_RC *= scales_R[:, None]  # in place: a reader's memory is bounded by the weights it holds
        return weight_RC


INT2_ROW, INT3_ROW, INT4_ROW, INT5_ROW, INT6_ROW, INT7_ROW, INT8_ROW = (RowLayout(bits) for bits in range(2, 9))
