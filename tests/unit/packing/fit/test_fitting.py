"""`--fit`: lands just under a budget in few packings, says what it chose, and says when it cannot."""

import pytest
import torch

from golfctl.artifact import open_artifact
from golfctl.errors import BudgetError, ConfigError
from golfctl.packing.assignment import assign
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.fit.fitting import MOST_PACKINGS, fit
from golfctl.packing.fit.survey import Survey, dial_of, smoothed
from golfctl.packing.packer import Packer
from golfctl.packing.run_context import run_context
from golfctl.quant import dequantize

QUANTIZERS = [
    {"quantizer": "entropy"},
    {"quantizer": "gptq-lite"},
    pytest.param({"quantizer": "gptq"}, marks=pytest.mark.slow),
    pytest.param({"quantizer": "gptq", "bits": 8, "clip": "sd:40"}, marks=pytest.mark.slow),
]


@pytest.fixture
def run(loud_run):
    return loud_run


def prepared(run, **settings):
    config = PackConfig(fit=True, calibration="self:2048", coder="rans", slim=True, **settings)
    return Packer.prepare(run, read_checkpoint(run), run_context(run), config, None), config


def counted(packer):
    """The packer, and the list its packings are counted in."""
    calls = []

    class Counting(Packer):
        def pack(self, config):
            calls.append(config)
            return super().pack(config)

    return Counting(packer.path, packer.checkpoint, packer.context, packer.calibration), calls


@pytest.mark.parametrize("settings", QUANTIZERS, ids=lambda s: " ".join(map(str, s.values())))
def test_lands_just_under_the_budget_and_its_settings_give_the_same_bytes(run, settings):
    packer, config = prepared(run, **settings)
    packer, calls = counted(packer)
    sizes = [packer.pack(PackConfig(quantizer="round", bits=b, budget="none", slim=True, coder="rans")).counted_bytes
             for b in (4, 8)]  # fmt: skip
    budget = sum(sizes) // 2
    calls.clear()
    packed = fit(packer, config, budget)
    assert 0.985 * budget <= packed.counted_bytes <= budget  # 25,000 weights: one tensor's bit is half a percent
    assert len(calls) <= MOST_PACKINGS
    assert not packed.config.fit and packed.config.tensors
    again = packer.pack(PackConfig.from_dict(packed.config.to_dict()))
    assert again.data == packed.data


def test_bits_per_tensor_lose_less_than_the_best_common_bits_of_the_size(run):
    packer, config = prepared(run, quantizer="gptq-lite")
    survey = Survey(packer, dial_of(config))
    curves = survey.curves(0)
    common = {
        bits: [point for points in curves.values() for point in points if point.setting == bits] for bits in (5.0, 6.0)
    }
    from golfctl.packing.fit.allocation import allocate

    for points in common.values():
        chosen = allocate(curves, sum(point.bytes for point in points) + 1e-6)
        assert sum(point.loss for point in chosen.values()) < sum(point.loss for point in points)


@pytest.mark.slow
def test_a_budget_too_small_for_anything_is_an_error_with_figures(run):
    packer, config = prepared(run)
    with pytest.raises(BudgetError, match=r"nothing fits: .* there is room for 2,000"):
        fit(packer, config, 2_000)


def test_a_budget_larger_than_the_finest_setting_takes_the_finest(run):
    packer, config = prepared(run, quantizer="gptq-lite")
    packed = fit(packer, config, 10**9)
    schemes = {one.scheme for one in assign(packer.checkpoint.spec, packed.config)}
    assert schemes == {"int8-row/1", "fp32/1"}


@pytest.mark.parametrize(
    "settings", [{"quantizer": "entropy"}, {"quantizer": "gptq", "clip": "sd"}], ids=["entropy", "sd"]
)
def test_a_budget_no_step_can_fill_ends_at_the_finest(run, settings):
    packer, config = prepared(run, **settings)
    matrix = packer.checkpoint.tensors["blocks.0.mlp.fc.weight"]
    matrix[0, 0] = 1e4 * matrix.std()  # a code beyond what can be stored, long before the finest step
    packed = fit(packer, config, 10**9)
    assert packed.counted_bytes < 10**9
    for name, weight in packer.checkpoint.tensors.items():
        if name in packed.config.tensors:
            quantized = packed.quantized[name]
            error = torch.from_numpy(dequantize(quantized.scheme, quantized.shape, quantized.parts)) - weight
            assert error.norm() <= 2e-3 * weight.norm()


def test_the_artifact_and_its_provenance_say_what_was_chosen(run, tmp_path):
    from golfctl.packing.pack import pack

    config = PackConfig(fit=True, quantizer="gptq-lite", calibration="self:2048", budget="28000", coder="rans")
    result = pack(run, config, tmp_path / "fit.golf")
    manifest = open_artifact(result.path).manifest
    assert manifest.provenance["pack"]["tensors"] == result.settings.tensors
    schemes = {tensor.name: tensor.scheme for tensor in manifest.tensors}
    for name, bits in result.settings.tensors.items():
        assert schemes[name] == f"int{bits:g}-row/1"
    assert {row.name: row.scheme for row in result.tensors} == schemes


def test_settings_of_tensors_that_are_not_there_or_have_none(spec):
    with pytest.raises(ConfigError, match="did you mean 'blocks.0.mlp.fc.weight'"):
        assign(spec, PackConfig(tensors={"blocks.0.mlp.fc.weights": 5}))
    gain = next(one.name for one in assign(spec, PackConfig()) if one.scheme == "fp32/1")
    with pytest.raises(ConfigError, match="has no setting"):
        assign(spec, PackConfig(tensors={gain: 5}))
    with pytest.raises(ConfigError, match="not clipped by sd:K"):
        assign(spec, PackConfig(quantizer="round", clip="sd:13", tensors={"tok_emb.weight": 0.5}))


def test_octaves_move_the_step(spec):
    plain = {one.name: one for one in assign(spec, PackConfig(quantizer="entropy"))}
    name = "blocks.1.mlp.fc.weight"
    moved = {one.name: one for one in assign(spec, PackConfig(quantizer="entropy", tensors={name: -0.5}))}
    assert moved[name].options.step == pytest.approx(plain[name].options.step / 2**0.5)
    assert all(moved[other] == plain[other] for other in plain if other != name)


def test_smoothed_curves_pass_through_what_a_parabola_can_hold():
    from golfctl.packing.fit.allocation import Point

    points = [Point(s, 1000 - 120 * s + 9 * s * s, 2.0 ** (1.7 * s - 0.1 * s * s)) for s in (-0.5, 0.0, 0.5, 1.0)]
    fine = {point.setting: point for point in smoothed(points)}
    assert len(fine) == 25
    for point in points:
        assert fine[point.setting].bytes == pytest.approx(point.bytes)
        assert fine[point.setting].loss == pytest.approx(point.loss)
    assert fine[0.25].bytes == pytest.approx(1000 - 30 + 9 / 16)
