"""Row quantisers against the reference program's numbers and against plain oracles."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from golfctl.errors import NumericsError, UsageError
from golfctl.quant import dequantize, quantize
from golfctl.quant.quantizing import quantize_batch
from golfctl.quant.scheme_options import RowOptions
from golfctl.quant.stats import LayerStats
from tests.oracles import rounding as oracle

PARITY = Path(__file__).parents[3] / "fixtures" / "parity" / "quant_a.safetensors"


@pytest.fixture(scope="module")
def parity():
    return load_file(PARITY)


def matrix(rows=24, columns=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=generator) * torch.rand(rows, 1, generator=generator)
    inputs = torch.randn(4 * columns, columns, generator=generator) * torch.rand(columns, generator=generator)
    inputs = inputs @ torch.randn(columns, columns, generator=generator)
    return weight, inputs.T @ inputs / len(inputs)


def test_gptq_lite_equals_the_reference(parity):
    found = quantize("int6-row/1", parity["weight"], options=RowOptions(scale_floor=True)).parts
    assert np.array_equal(found["codes"], parity["gptq_lite/q"].numpy())
    assert np.array_equal(found["scales"], parity["gptq_lite/scale"].numpy())


def test_int8_equals_the_reference(parity):
    options = RowOptions(clip="quantile:0.9999984", scale_floor=True, unrounded_scale=True)
    found = quantize("int8-row/1", parity["weight"], options=options).parts
    assert np.array_equal(found["codes"], parity["int8_row/q"].numpy())
    assert np.array_equal(found["scales"], parity["int8_row/scale"].numpy())


def test_full_gptq_equals_the_reference(parity):
    options = RowOptions(scale_floor=True, feedback="gptq", choose_by="weights")
    weight, hessian = parity["weight"].numpy(), parity["hessian"].numpy().astype(np.float64)
    found = quantize("int6-row/1", weight, LayerStats(parity["hessian"]), options)
    assert (found.parts["codes"] == parity["gptq_full/q"].numpy()).mean() >= 0.995
    expected = parity["gptq_full/q"].numpy() * parity["gptq_full/scale"].float().numpy()[:, None]
    error = oracle.hessian_error(dequantize(found.scheme, found.shape, found.parts) - weight, hessian)
    assert error == pytest.approx(oracle.hessian_error(expected - weight, hessian), rel=0.01)


@pytest.mark.parametrize("bits", range(2, 9))
def test_percentile_search_equals_the_oracle(bits):
    weight, _ = matrix(seed=bits)
    limit = 2 ** (bits - 1) - 1
    codes, scales = oracle.percentile_search(weight.numpy(), limit)
    found = quantize(f"int{bits}-row/1", weight).parts
    assert np.array_equal(found["scales"].astype(np.float64), scales)
    assert (found["codes"] == codes).mean() > 0.999  # a quantile half an ulp away may turn a tie


@pytest.mark.parametrize("order", ["natural", "diagonal"])
@pytest.mark.parametrize("bits", [3, 6])
def test_gptq_equals_the_oracle_that_solves_again_for_every_column(bits, order):
    weight, hessian = matrix(seed=bits)
    options = RowOptions(clip="max", feedback="gptq", order=order, damping=0.02)
    found = quantize(f"int{bits}-row/1", weight, LayerStats(hessian), options).parts
    damped = hessian.double().numpy().copy()
    damped += 0.02 * np.trace(damped) / len(damped) * np.eye(len(damped))
    by = np.arange(len(damped)) if order == "natural" else np.argsort(-np.diag(damped), kind="stable")
    expected = np.empty(weight.shape)
    scales = found["scales"].astype(np.float64)
    expected[:, by] = oracle.gptq_codes(weight.numpy()[:, by], damped[np.ix_(by, by)], scales, 2 ** (bits - 1) - 1)
    assert (found["codes"] == expected).mean() > 0.99


def test_gptq_lowers_the_hessian_error_and_plain_rounding_the_plain_one():
    weight, hessian = matrix(64, 64)
    stats = LayerStats(hessian)
    errors = {}
    for feedback in ("none", "gptq"):
        found = quantize("int4-row/1", weight, stats, RowOptions(clip="max", feedback=feedback))
        delta = dequantize(found.scheme, found.shape, found.parts) - weight.numpy()
        errors[feedback] = (np.square(delta).sum(), oracle.hessian_error(delta, hessian.numpy()))
    assert errors["gptq"][1] < 0.7 * errors["none"][1]
    assert errors["none"][0] < errors["gptq"][0]


def test_choosing_by_the_hessian_never_loses_to_choosing_by_weights():
    weight, hessian = matrix(64, 48)
    weight[:, 0] *= 20  # outliers, so that clipping matters
    errors = []
    for choose_by in ("hessian", "weights"):
        options = RowOptions(feedback="gptq", choose_by=choose_by)
        found = quantize("int3-row/1", weight, LayerStats(hessian), options)
        delta = dequantize(found.scheme, found.shape, found.parts) - weight.numpy()
        errors.append(oracle.hessian_error(delta, hessian.numpy()))
    assert errors[0] <= errors[1]


def test_percentile_per_row_is_never_worse_than_per_tensor():
    weight, _ = matrix()
    weight[::3, 0] *= 30
    errors = []
    for clip in ("percentile", "percentile-row"):
        found = quantize("int4-row/1", weight, options=RowOptions(clip=clip))
        errors.append(np.square(dequantize(found.scheme, found.shape, found.parts) - weight.numpy()).sum())
    assert errors[1] < errors[0]


def test_sd_clip_scales_are_k_deviations_over_the_limit():
    weight, _ = matrix()
    found = quantize("int6-row/1", weight, options=RowOptions(clip="sd:12.85")).parts
    expected = 12.85 * weight.numpy().std(axis=1, ddof=1) / 31
    assert found["scales"].astype(np.float64) == pytest.approx(expected, rel=1e-3)


def test_the_scale_floor_keeps_the_range_at_one():
    weight = torch.full((2, 8), 0.01)
    assert quantize("int6-row/1", weight, options=RowOptions(clip="max", scale_floor=True)).parts["scales"][0] == (
        np.float16(1 / 31)
    )


def test_a_scale_that_underflows_is_raised_and_recorded():
    weight = torch.full((3, 8), 1e-8)
    weight[2] = 1.0
    found = quantize("int6-row/1", weight, options=RowOptions(clip="max"))
    assert found.notes == ("2 row scales underflow fp16 and were raised to 2^-24",)
    assert (found.parts["scales"] > 0).all()
    assert np.abs(dequantize(found.scheme, found.shape, found.parts) - weight.numpy()).max() < 2**-11


def test_rows_of_zeros_stay_zero_without_a_note():
    weight = torch.zeros(3, 8)
    found = quantize("int6-row/1", weight, options=RowOptions(clip="sd"))
    assert not found.notes and not dequantize(found.scheme, found.shape, found.parts).any()


def test_dead_inputs_give_no_feedback_and_are_rounded_plainly():
    weight, hessian = matrix()
    hessian[5] = 0
    hessian[:, 5] = 0
    found = quantize("int6-row/1", weight, LayerStats(hessian), RowOptions(clip="max", feedback="gptq")).parts
    assert np.array_equal(found["codes"][:, 5], np.rint(weight[:, 5].numpy() / found["scales"].astype(np.float32)))


@pytest.mark.parametrize(
    ("weight", "stats", "options", "error", "words"),
    [
        (torch.tensor([[1.0, float("nan")]]), None, None, NumericsError, "1 of 2 weights"),
        (torch.tensor([[1e38, 0.0]]), None, RowOptions(clip="max"), NumericsError, "overflows fp16"),
        (torch.ones(4), None, None, UsageError, "does not fit"),
        (torch.ones(2, 3), None, RowOptions(feedback="gptq"), UsageError, "calibration"),
        (torch.ones(2, 3), LayerStats(torch.eye(4)), None, UsageError, "4 inputs"),
        (torch.ones(2, 3), LayerStats(-torch.eye(3)), RowOptions(feedback="gptq"), NumericsError, "negative"),
        (
            torch.ones(2, 2),
            LayerStats(torch.tensor([[1.0, 2.0], [2.0, 1.0]])),
            RowOptions(feedback="gptq"),
            NumericsError,
            "not positive definite",
        ),
    ],
)
def test_bad_input_is_named(weight, stats, options, error, words):
    with pytest.raises(error, match=words):
        quantize("int6-row/1", weight, stats, options)


def test_codes_do_not_depend_on_the_thread_count():
    weight, hessian = matrix(256, 192)
    found = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(quantize("int6-row/1", weight, LayerStats(hessian), RowOptions(feedback="gptq")).parts["codes"])
    torch.set_num_threads(before)
    assert np.array_equal(*found)


def test_fp16_falls_back_to_fp32_where_it_would_lose_the_values():
    kept = quantize("fp16/1", torch.linspace(-0.1, 0.1, 2001))  # some entries underflow; the tensor does not
    assert kept.scheme == "fp16/1" and not kept.notes
    for values in (torch.full((4,), 1e-6), torch.tensor([1.0, 1e5])):
        found = quantize("fp16/1", values)
        assert found.scheme == "fp32/1" and "kept in fp32" in found.notes[0]
        assert np.array_equal(dequantize(found.scheme, found.shape, found.parts), values.numpy())


@pytest.mark.parametrize("clip", ["percentile", "sd:12.85", "max"])
def test_a_batch_gives_the_codes_of_each_matrix_alone(clip):
    drawn = [matrix(48, 80, seed) for seed in range(3)]
    options = RowOptions(clip=clip, feedback="gptq")
    stats = [LayerStats(hessian) for _, hessian in drawn]
    together = quantize_batch("int4-row/1", [weight for weight, _ in drawn], stats, options)
    for (weight, _), one, found in zip(drawn, stats, together, strict=True):
        alone = quantize("int4-row/1", weight, one, options)
        assert np.array_equal(found.parts["codes"], alone.parts["codes"])
        assert np.array_equal(found.parts["scales"], alone.parts["scales"])


def test_a_batch_of_different_shapes_or_without_a_hessian_is_refused():
    (small, hessian), (large, _) = matrix(4, 8), matrix(5, 8)
    with pytest.raises(UsageError, match="one shape"):
        quantize_batch("int4-row/1", [small, large], [None, None], RowOptions())
    with pytest.raises(UsageError, match="needs calibration"):
        quantize_batch("int4-row/1", [small, small], [LayerStats(hessian), None], RowOptions(feedback="gptq"))


def test_a_tied_table_is_rounded_through_the_inputs_of_its_product():
    weight, hessian = matrix()
    options = RowOptions(clip="max", feedback="gptq")
    tied = LayerStats(torch.eye(len(hessian)), None, 1, table=True, head_CC=hessian)
    plain = quantize("int3-row/1", weight, LayerStats(hessian), options)
    assert np.array_equal(quantize("int3-row/1", weight, tied, options).parts["codes"], plain.parts["codes"])
    with pytest.raises(UsageError, match="calibration"):
        quantize("int3-row/1", weight, LayerStats(hessian, table=True), options)
