import math

import pytest
import torch

from golfctl.errors import ConfigError
from golfctl.packing.config import PackConfig
from golfctl.quant import dequantize, quantize
from golfctl.quant.options import RowOptions
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
    for pack in ({"bits": 16}, {"quantizer": "entropy"}):
        with pytest.raises(ConfigError, match="row grid"):
            quantizer(**pack)


@pytest.mark.parametrize("rounding", ["hard", "soft"])
def test_late_qat_reaches_the_banks_and_only_late(tiny_recipe, dataset_path, rounding):
    """PR #549's never did: banks were no modules, and the compiled graph had folded the flag."""
    values = {"dtype": "float64", "schedule": {"warmdown_fraction": 1.0}}
    plain = prepare(tiny_recipe(**values), dataset_path, CPU)
    late = prepare(tiny_recipe(**values, qat={"rounding": rounding, "below_scale": 0.5}), dataset_path, CPU)
    from golfctl.optim.collectives import Alone
    from golfctl.optim.schedule import Clock

    trainers = [Trainer(setup, Alone()) for setup in (plain, late)]
    same = []
    for step in range(6):
        for trainer in trainers:
            trainer.step(Clock(step, 0.0, 6, None))
        same.append(torch.equal(trainers[0].parameters["banks.qo"], trainers[1].parameters["banks.qo"]))
    for trainer in trainers:
        trainer.close()
    assert same == [True, True, True, True, False, False]  # scales 1, 5/6, 4/6, 3/6, 2/6, 1/6
