"""What every scheme of the table promises."""

import numpy as np
import pytest
import torch

from golfctl.core.identifiers import Identifier
from golfctl.errors import ArtifactError
from golfctl.quant import SCHEMES, dequantize, part_specs, quantize
from golfctl.quant.scheme_options import GridOptions
from golfctl.quant.schemes.rows import RowLayout
from golfctl.quant.stats import LayerStats


def weight(rows=7, columns=33):
    return np.random.default_rng(5).standard_normal((rows, columns)).astype(np.float32) * 0.1


def quantized(scheme, matrix):
    """As `quantize`, with the statistics that some schemes cannot do without."""
    if scheme == "grid/1":
        return quantize(scheme, matrix, LayerStats(torch.eye(33), torch.eye(7)), GridOptions(step=0.01))
    return quantize(scheme, matrix)


@pytest.mark.parametrize("scheme", SCHEMES)
class TestScheme:
    def test_is_an_identifier(self, scheme):
        assert str(Identifier.parse(scheme)) == scheme

    def test_parts_are_as_specified(self, scheme):
        found = quantized(scheme, weight())
        specs = part_specs(found.scheme, found.shape)
        assert set(specs) == set(found.parts)
        for name, spec in specs.items():
            assert found.parts[name].dtype.name in spec.dtypes and found.parts[name].shape == spec.shape

    def test_dequantizes_to_float32_near_the_weights(self, scheme):
        found = quantized(scheme, weight())
        decoded = dequantize(found.scheme, found.shape, found.parts)
        assert decoded.dtype == np.float32 and decoded.shape == (7, 33)
        assert np.abs(decoded - weight()).max() <= np.abs(weight()).max() * (
            0 if scheme == "fp32/1" else 1 if scheme == "ternary-group/1" else 0.6
        )

    def test_quantising_what_was_dequantised_changes_nothing(self, scheme):
        first = quantized(scheme, weight())
        decoded = dequantize(first.scheme, first.shape, first.parts)
        again = quantized(scheme, decoded)
        assert np.abs(dequantize(again.scheme, again.shape, again.parts) - decoded).max() <= np.abs(decoded).max() / 8

    def test_is_deterministic(self, scheme):
        first, second = quantized(scheme, weight()), quantized(scheme, weight())
        assert all(np.array_equal(first.parts[name], second.parts[name]) for name in first.parts)

    def test_missing_surplus_and_misshapen_parts_are_refused(self, scheme):
        found = quantized(scheme, weight())
        name = next(iter(found.parts))
        for parts in (
            {},
            {**found.parts, "more": np.zeros(1, np.int8)},
            {**found.parts, name: found.parts[name][:-1]},
            {**found.parts, name: found.parts[name].astype(np.float64)},
        ):
            with pytest.raises(ArtifactError):
                dequantize(found.scheme, found.shape, parts)


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if isinstance(SCHEMES[name], RowLayout)])
def test_codes_and_scales_out_of_range_are_refused(scheme):
    found, bits = quantized(scheme, weight()), SCHEMES[scheme].bits
    if bits < 8:
        codes = found.parts["codes"].copy()
        codes[0, 0] = 2 ** (bits - 1)
        with pytest.raises(ArtifactError, match="a code lies outside"):
            dequantize(scheme, found.shape, {**found.parts, "codes": codes})
    for bad in (np.nan, np.inf, -1.0):
        scales = found.parts["scales"].copy()
        scales[0] = bad
        with pytest.raises(ArtifactError, match="scale"):
            dequantize(scheme, found.shape, {**found.parts, "scales": scales})


def test_an_unknown_scheme_is_named_with_the_nearest():
    with pytest.raises(ArtifactError, match="did you mean 'int6-row/1'"):
        dequantize("int6-rows/1", (2, 2), {})
