"""Layer 2: float tensors to integer codes and side parameters, and back.

Decoding (`dequantize`, `part_specs`) needs numpy alone; `quantize` lives in `golfctl.quant.quantizing` and needs torch.
"""

from typing import TYPE_CHECKING, Any

from golfctl.quant.table import SCHEMES, dequantize, part_specs
from golfctl.quant.tensor import PartSpec, QuantizedTensor

if TYPE_CHECKING:
    from golfctl.quant.quantizing import quantize

__all__ = ["SCHEMES", "PartSpec", "QuantizedTensor", "dequantize", "part_specs", "quantize"]


def __getattr__(name: str) -> Any:
    if name != "quantize":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from golfctl.quant.quantizing import quantize

    return quantize
