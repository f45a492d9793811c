"""Tensors kept as floats: `fp16/1` and `fp32/1`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golfctl.core.decoding_rules import DecodingError
from golfctl.quant.tensor import PartSpec, Shape


@dataclass(frozen=True)
class FloatLayout:
    """One part, `values`, of the tensor's own shape."""

    scheme: str
    dtype: str

    def part_specs(self, shape: Shape) -> dict[str, PartSpec]:
        """`values` in the scheme's dtype."""
        return {"values": PartSpec((self.dtype,), shape)}

    def dequantize(self, shape: Shape, parts: Mapping[str, np.ndarray]) -> np.ndarray:
        """Widened to float32, which is exact."""
        values = parts["values"].astype(np.float32)
        if not (np.isfinite(values.max()) and np.isfinite(values.min())):
            raise DecodingError("values", f"{self.scheme}: a value is NaN or infinite")
        return values


FP16 = FloatLayout("fp16/1", "float16")
FP32 = FloatLayout("fp32/1", "float32")
