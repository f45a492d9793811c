"""`grid/1`: exact decoding, codes against the plain oracle, steps that cost the same everywhere, refusals."""

import numpy as np
import pytest
import torch

from golfctl.errors import ArtifactError, NumericsError, UsageError
from golfctl.quant import dequantize, quantize
from golfctl.quant.rounding.two_sided import diagonal_side, factor_side, two_sided_codes
from golfctl.quant.scheme_options import GridOptions, RowOptions
from golfctl.quant.schemes.grid import power
from golfctl.quant.stats import LayerStats, damped, estimated_loss, hessian_error
from tests.oracles import two_sided as oracle


def moments(size, seed, spread=2.0):
    generator = torch.Generator().manual_seed(seed)
    spreads = torch.exp(spread * torch.rand(size, generator=generator))
    samples = torch.randn(4 * size, size, generator=generator) * spreads
    mixed = samples @ (torch.eye(size) + 0.3 * torch.randn(size, size, generator=generator))
    return mixed.T @ mixed / len(mixed)


def case(rows=20, columns=70, seed=0):
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * 0.1
    return weight, LayerStats(moments(columns, seed + 1), moments(rows, seed + 2) * 1e-4, 100)


def decoded(found):
    return torch.from_numpy(dequantize(found.scheme, found.shape, found.parts))


def test_powers_are_the_nearest_float32_numbers():
    exponents = np.arange(-127, 128, dtype=np.int8)
    assert np.array_equal(power(exponents), np.exp2(exponents.astype(np.float64) / 4).astype(np.float32))


@pytest.mark.parametrize("coupled", [True, False])
def test_codes_equal_the_oracle(coupled):
    weight, stats = case()
    gradient = damped(stats.gradient, 0.1)
    rows = factor_side(gradient) if coupled else diagonal_side(gradient.diagonal())
    columns = factor_side(damped(stats.hessian_CC, 0.01))
    row_steps, column_steps = torch.rand(20) + 0.5, 0.02 * (torch.rand(70) + 0.5)
    found = two_sided_codes(weight, row_steps, column_steps, rows, columns).numpy()
    by_row, by_column = rows.order_X.numpy(), columns.order_X.numpy()
    moments_of_rows = gradient if coupled else torch.diag(gradient.diagonal())
    expected = np.empty(weight.shape)
    expected[np.ix_(by_row, by_column)] = oracle.two_sided_codes(
        weight.double().numpy()[np.ix_(by_row, by_column)],
        torch.outer(row_steps, column_steps).double().numpy()[np.ix_(by_row, by_column)],
        moments_of_rows.numpy()[np.ix_(by_row, by_row)],
        damped(stats.hessian_CC, 0.01).numpy()[np.ix_(by_column, by_column)],
    )
    assert (found == expected).mean() > 0.98  # float32 against float64: a near-tie may turn, and what follows it


def test_the_oracle_s_factor_gives_the_moments_back():
    matrix = damped(moments(12, 3), 0.01).numpy()
    factor, pivots = oracle.unit_upper(matrix)
    assert factor @ np.diag(pivots) @ factor.T == pytest.approx(matrix)
    assert np.array_equal(factor, np.triu(factor))


def test_the_estimate_is_the_step_squared_over_24_per_weight():
    weight, stats = case(64, 96)
    found = quantize("grid/1", weight, stats, GridOptions(step=1e-4, damping=1e-6, output_damping=1e-6))
    loss = estimated_loss(decoded(found) - weight, stats)
    assert loss == pytest.approx(weight.numel() * 1e-4**2 / 24, rel=0.15)


def test_at_equal_entropy_it_costs_less_than_gptq_rows():
    weight, stats = case(96, 96, seed=5)

    def entropy(codes):
        counts = np.unique(codes, return_counts=True)[1] / codes.size
        return -(counts * np.log2(counts)).sum()

    rows = quantize("int4-row/1", weight, stats, RowOptions(clip="sd:4", feedback="gptq"))
    loss = estimated_loss(decoded(rows) - weight, stats)
    grids = [quantize("grid/1", weight, stats, GridOptions(step=loss**0.5 * s)) for s in np.geomspace(0.01, 0.5, 40)]
    equal = min(grids, key=lambda g: abs(estimated_loss(decoded(g) - weight, stats) - loss))
    # zeroth-order entropy ignores the spreads a coder knows, and is still smaller
    assert entropy(equal.parts["codes"]) < entropy(rows.parts["codes"])


def test_codes_grow_past_any_fixed_range():
    weight, stats = case()
    for step, kind in ((1e-2, "int8"), (1e-4, "int16"), (3e-6, "int32")):
        assert quantize("grid/1", weight, stats, GridOptions(step=step)).parts["codes"].dtype.name == kind


@pytest.mark.parametrize(
    ("stats", "step", "error", "words"),
    [
        (None, 1e-3, UsageError, "calibration with gradients"),
        (LayerStats(torch.eye(70)), 1e-3, UsageError, "calibration with gradients"),
        (LayerStats(torch.eye(70), torch.eye(20)), 1e-12, NumericsError, "beyond"),
        (LayerStats(torch.eye(70) * float("nan"), torch.eye(20)), 1e-3, NumericsError, "NaN"),
        (LayerStats(torch.eye(70), torch.ones(20, 20) - 2 * torch.eye(20)), 1e-3, NumericsError, "negative"),
    ],
)
def test_bad_statistics_are_named(stats, step, error, words):
    with pytest.raises(error, match=words):
        quantize("grid/1", case()[0], stats, GridOptions(step=step))


def test_bad_parts_are_refused():
    weight, stats = case()
    found = quantize("grid/1", weight, stats, GridOptions(step=1e-3))
    for step in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ArtifactError, match="step"):
            dequantize("grid/1", found.shape, {**found.parts, "step": np.array([step], np.float32)})
    codes = np.full(found.shape, 1 << 25, np.int32)
    with pytest.raises(ArtifactError, match="beyond"):
        dequantize("grid/1", found.shape, {**found.parts, "codes": codes})
    high = {"rows": np.full(20, 127, np.int8), "columns": np.full(70, 127, np.int8)}
    with pytest.raises(ArtifactError, match="overflows"):
        dequantize("grid/1", found.shape, {**found.parts, **high, "step": np.array([1e38], np.float32)})


def test_the_thread_count_does_not_change_the_codes():
    weight, stats = case(128, 160)
    found, before = [], torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(quantize("grid/1", weight, stats, GridOptions(step=1e-4)).parts["codes"])
    torch.set_num_threads(before)
    assert np.array_equal(*found)


def test_the_estimate_equals_its_definition():
    weight, stats = case(8, 9)
    delta = weight.double()
    expected = 0.5 * torch.trace(stats.gradient.double() @ delta @ stats.hessian_CC.double() @ delta.T)
    assert estimated_loss(weight, stats) == pytest.approx(float(expected), rel=1e-4)
    diagonal = LayerStats(stats.hessian_CC, stats.gradient.diagonal())
    expected = 0.5 * (stats.gradient.diagonal() * hessian_error(weight, stats.hessian_CC)).sum()
    assert estimated_loss(weight, diagonal) == pytest.approx(float(expected), rel=1e-4)
