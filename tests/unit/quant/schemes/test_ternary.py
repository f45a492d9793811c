"""`ternary-group/1` against digit-by-digit loops."""

import numpy as np
import pytest

from golfctl.errors import ArtifactError, NumericsError
from golfctl.quant import dequantize, quantize


def by_hand(parts, shape):
    values, count = [], int(np.prod(shape))
    for byte in parts["trits"]:
        rest = int(byte)
        for _ in range(5):
            values.append(rest % 3 - 1)
            rest //= 3
    scaled = [values[i] * float(parts["scales"][i // 128]) for i in range(count)]
    return np.array(scaled, np.float32).reshape(shape)


@pytest.mark.parametrize("shape", [(3, 43), (128,), (2, 3, 50), (1, 1)])
def test_decoding_equals_the_loops_and_signs_are_kept(shape):
    weight = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = quantize("ternary-group/1", weight)
    decoded = dequantize(found.scheme, found.shape, found.parts)
    assert np.array_equal(decoded, by_hand(found.parts, shape))
    assert (np.sign(decoded) * np.sign(weight) >= 0).all()
    assert len(found.parts["trits"]) == -(-weight.size // 5)


def test_ternary_weights_come_back_exactly():
    weight = np.random.default_rng(1).choice([-0.5, 0.0, 0.5], (16, 40)).astype(np.float32)
    found = quantize("ternary-group/1", weight)
    assert np.array_equal(dequantize(found.scheme, found.shape, found.parts), weight)


def test_zeros_stay_zero_and_tiny_scales_are_recorded():
    found = quantize("ternary-group/1", np.zeros((2, 64), np.float32))
    assert not dequantize(found.scheme, found.shape, found.parts).any() and not found.notes
    assert "underflow" in quantize("ternary-group/1", np.full((2, 64), 1e-9, np.float32)).notes[0]


def test_bad_parts_and_weights_are_refused():
    found = quantize("ternary-group/1", np.ones((1, 7), np.float32))
    for trits in ([242, 243], [0, 0]):
        with pytest.raises(ArtifactError, match="base 3|filled up"):
            dequantize("ternary-group/1", (1, 7), {**found.parts, "trits": np.array(trits, np.uint8)})
    with pytest.raises(ArtifactError, match="scale"):
        dequantize("ternary-group/1", (1, 7), {**found.parts, "scales": np.array([np.nan], np.float16)})
    with pytest.raises(NumericsError, match="overflows fp16"):
        quantize("ternary-group/1", np.full((1, 7), 1e6, np.float32))
