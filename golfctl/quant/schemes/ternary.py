"""`ternary-group/1`: weights −1, 0 or 1 times one fp16 scale per 128 weights; five of them to a byte.

The weights run in C order. Byte i holds weights 5i … 5i + 4 as Σ 3^k (t_k + 1); the last byte is filled up with zeros.
A group's scale is the mean magnitude of the weights it keeps, and a weight is kept where its magnitude exceeds 0.7 of
the group's mean (ternary weight networks: Li et al., arXiv 1605.04711).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golfctl.core.decoding_rules import DecodingError
from golfctl.errors import NumericsError
from golfctl.quant.tensor import PartSpec, QuantizedTensor, Shape, elements

GROUP = 128
_PER_BYTE = 5
_PLACES = 3 ** np.arange(_PER_BYTE)
_LARGEST = 3**_PER_BYTE - 1
_DIGITS = (np.arange(3**_PER_BYTE)[:, None] // _PLACES % 3 - 1).astype(np.int8)  # of every byte
_THRESHOLD = 0.7
_SMALLEST = np.float32(2.0**-24)


@dataclass(frozen=True)
class TernaryLayout:
    """`trits` uint8 [⌈n / 5⌉] and `scales` fp16 [⌈n / 128⌉] for a tensor of n weights, of any shape."""

    scheme: str = "ternary-group/1"

    def part_specs(self, shape: Shape) -> dict[str, PartSpec]:
        """`trits` and `scales`."""
        count = elements(shape)
        return {
            "trits": PartSpec(("uint8",), (-(-count // _PER_BYTE),)),
            "scales": PartSpec(("float16",), (-(-count // GROUP),)),
        }

    def dequantize(self, shape: Shape, parts: Mapping[str, np.ndarray]) -> np.ndarray:
        """Digits less one, times the scale of their group."""
        packed, scales = parts["trits"], parts["scales"].astype(np.float32)
        count = elements(shape)
        if packed.max() > _LARGEST:
            raise DecodingError("values", f"{self.scheme}: a byte above {_LARGEST} holds no five digits of base 3")
        if not np.isfinite(scales).all() or scales.min() < 0:
            raise DecodingError("values", f"{self.scheme}: a scale is negative, NaN or infinite")
        trits = _DIGITS[packed].reshape(-1)
        if trits[count:].any():
            raise DecodingError("values", f"{self.scheme}: the last byte is not filled up with zeros")
        weight, whole = trits[:count].astype(np.float32), count // GROUP * GROUP
        groups = weight[:whole].reshape(-1, GROUP)
        groups *= scales[: whole // GROUP, None]  # in place: a reader's memory is bounded by the weights it holds
        weight[whole:] *= scales[-1]
        return weight.reshape(shape)


def to_ternary(layout: TernaryLayout, weight: np.ndarray) -> QuantizedTensor:
    """Quantise a finite float32 tensor of any shape.

    Raises:
        NumericsError: a scale overflows fp16.
    """
    flat = weight.reshape(-1)
    padded = np.pad(flat, (0, -len(flat) % GROUP)).reshape(-1, GROUP)
    members = np.minimum(GROUP, len(flat) - GROUP * np.arange(len(padded)))[:, None]
    magnitude = np.abs(padded)
    kept = magnitude > _THRESHOLD * magnitude.sum(axis=1, keepdims=True) / members
    with np.errstate(over="ignore"):
        means = (magnitude * kept).sum(axis=1) / np.maximum(kept.sum(axis=1), 1)
        scales = means.astype(np.float16)
    if not np.isfinite(scales).all():
        raise NumericsError(f"a group's scale of {means.max():.3g} overflows fp16 (65,504): keep this tensor in fp32")
    lost = (scales == 0) & kept.any(axis=1)
    scales[lost] = _SMALLEST.astype(np.float16)
    digits = (np.sign(padded) * kept).astype(np.int64).reshape(-1)[: len(flat)] + 1
    digits = np.pad(digits, (0, -len(flat) % _PER_BYTE), constant_values=1).reshape(-1, _PER_BYTE)
    parts = {"trits": (digits @ _PLACES).astype(np.uint8), "scales": scales}
    notes = (f"{int(lost.sum())} group scales underflow fp16 and were raised to 2^-24",) if lost.any() else ()
    return QuantizedTensor(layout.scheme, weight.shape, parts, notes)


TERNARY = TernaryLayout()
