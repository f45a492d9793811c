import math

import pytest
import torch

from golfctl.errors import ConfigError
from golfctl.optim.collectives import Alone
from golfctl.optim.schedule import RunPoint
from golfctl.packing.config import PackConfig
from golfctl.quant import dequantize, quantize
from golfctl.quant.scheme_options import RowOptions
from golfctl.training.qat import FakeQuantizer, QatConfig
from golfctl.training.setup import prepare
from golfctl.training.trainer import Trainer

CPU = torch.device("cpu")


def quantizer(rounding="hard", **pack):
    return FakeQuantizer(QatConfig(rounding=rounding, below_scale=0.2), PackConfig.from_dict(pack), CPU)


def bank(seed=0):
    return torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bits", [4, 6])
def test_the_grid_is_that_of_packing(bits):
    seen = quantizer(bits=bits)("qo", bank())
    for matrix, expected in zip(seen, bank(), strict=True):
        packed = quantize(f"int{bits}-row/1", expected.numpy(), None, RowOptions(clip="max"))
        torch.testing.assert_close(matrix, torch.from_numpy(dequantize(packed.scheme, packed.shape, packed.parts)))


@pytest.mark.parametrize(
    "options", [{"clip": "sd:2.5"}, {"clip": "quantile:0.9"}, {"clip": "max", "scale_floor": True}]
)
def test_the_clip_is_that_of_packing(options):
    small = bank() / 20  # ranges below 1, so that the floor matters
    pack = {"quantizer": "round", **options}
    for matrix, expected in zip(quantizer(**pack)("qo", small), small, strict=True):
        packed = quantize("int6-row/1", expected.numpy(), None, RowOptions(**options))
        torch.testing.assert_close(matrix, torch.from_numpy(dequantize(packed.scheme, packed.shape, packed.parts)))


def test_hard_rounding_passes_the_gradient_straight_through():
    weight = bank().requires_grad_()
    (quantizer()("qo", weight) * 3.0).sum().backward()
    torch.testing.assert_close(weight.grad, torch.full_like(weight, 3.0))


def test_soft_rounding_steepens_towards_hard_and_has_its_own_gradient():
    soft, hard = quantizer("soft"), quantizer("hard")("qo", bank())
    distances = []
    for lr_scale in (0.2, 0.1, 0.0):
        soft.set_steepness(lr_scale)
        distances.append(float((soft("qo", bank()) - hard).abs().mean()))
    assert distances[0] > distances[1] > distances[2]
    assert float(soft.steepness) == 16.0
    weight = bank().requires_grad_()
    soft("qo", weight).sum().backward()
    assert float(weight.grad.std()) > 0.1


def test_soft_rounding_follows_its_formula():
    soft = quantizer("soft", bits=8)
    soft.steepness.fill_(5.0)
    ratio = torch.tensor([0.3, -1.8])
    expected = [
        math.floor(r) + 0.5 + math.tanh(5 * (r - math.floor(r) - 0.5)) / (2 * math.tanh(2.5)) for r in (0.3, -1.8)
    ]
    torch.testing.assert_close(soft._soft(ratio), torch.tensor(expected))


def test_packing_without_a_row_grid_contradicts_qat():
    for pack in ({"bits": 16}, {"bits": 1}, {"quantizer": "entropy"}, {"quantizer": "gptq", "fit": True}):
        with pytest.raises(ConfigError, match="row grid"):
            quantizer(**pack)


def test_the_grid_belongs_to_the_settings_of_a_run(tiny_recipe, dataset_path):
    def digest(rounding, bits):
        recipe = tiny_recipe(qat={"rounding": rounding})
        recipe.tables["pack"] = {"bits": bits}
        return prepare(recipe, dataset_path, CPU).digest

    assert digest("none", 6) == digest("none", 5)
    assert digest("hard", 6) != digest("hard", 5)


def test_a_warm_up_ramp_is_not_late(tiny_recipe, dataset_path):
    schedule = {"warmup_steps": 4, "warmdown_fraction": 0.3}
    recipe = tiny_recipe(
        steps=12, schedule=schedule, qat={"rounding": "hard", "below_scale": 0.6},
        average={"kind": "swa", "every": 1, "below_scale": 0.6},
    )  # fmt: skip
    trainer = Trainer(prepare(recipe, dataset_path, CPU), Alone())
    seen = []
    for step in range(12):
        trainer.step(RunPoint(step, 0.0, 12, None))
        seen.append((trainer.model.weight_map is not None, trainer.average.count))
    trainer.close()
    assert seen[:10] == [(False, 0)] * 10 and seen[10:] == [(True, 1), (True, 2)]


@pytest.mark.parametrize("rounding", ["hard", "soft"])
def test_late_qat_reaches_the_banks_and_only_late(tiny_recipe, dataset_path, rounding):
    """PR #549's never did: banks were no modules, and the compiled graph had folded the flag."""
    values = {"dtype": "float64", "schedule": {"warmdown_fraction": 1.0}}
    plain = prepare(tiny_recipe(**values), dataset_path, CPU)
    late = prepare(tiny_recipe(**values, qat={"rounding": rounding, "below_scale": 0.5}), dataset_path, CPU)
    trainers = [Trainer(setup, Alone()) for setup in (plain, late)]
    same = []
    for step in range(6):
        for trainer in trainers:
            trainer.step(RunPoint(step, 0.0, 6, None))
        same.append(torch.equal(trainers[0].parameters["banks.qo"], trainers[1].parameters["banks.qo"]))
    for trainer in trainers:
        trainer.close()
    assert same == [True, True, True, True, False, False]  # scales 1, 5/6, 4/6, 3/6, 2/6, 1/6
