"""`--fit`: lands just under a budget in few packings, whatever the curve; says when it cannot."""

import math
from types import SimpleNamespace

import pytest

from golfctl.errors import BudgetError
from golfctl.packing.config import PackConfig
from golfctl.packing.fitting import MOST_PACKINGS, fit, knob_of


def packer(size_of):
    calls = []

    def pack(config):
        calls.append(config)
        return SimpleNamespace(config=config, counted_bytes=size_of(config))

    return pack, calls


def loss_curve(weights, fixed, bend):
    """Bytes as an entropy coder gives them: half a bit per doubling of the loss, flat where codes are mostly zero."""

    def size_of(config):
        bits = 3.2 - bend * math.log2(config.loss / 1e-3)
        return round(fixed + weights / 8 * math.log2(1 + 2**bits))

    return size_of


@pytest.mark.parametrize("bend", [0.35, 0.5, 0.7])
@pytest.mark.parametrize("budget", [400_000, 1_000_000, 1_600_000, 3_000_000])
def test_the_loss_knob_lands_within_half_a_percent(budget, bend):
    pack, calls = packer(loss_curve(3_000_000, 100_000, bend))
    packed = fit(knob_of(PackConfig(fit=True)), pack, budget, 3_000_000)
    assert 0.995 * budget <= packed.counted_bytes <= budget
    assert len(calls) <= 6


def test_the_clip_knob_moves_embeddings_along():
    config = PackConfig(fit=True, quantizer="round", bits=8, clip="sd:12.85", clip_embed="sd:25.7")
    pack, _ = packer(lambda c: round(1e6 * (9 - math.log2(float(c.clip[3:])))))
    packed = fit(knob_of(config), pack, 4_000_000, 8_000_000)
    assert 0.995 * 4_000_000 <= packed.counted_bytes <= 4_000_000
    assert float(packed.config.clip_embed[3:]) == pytest.approx(2 * float(packed.config.clip[3:]), rel=1e-4)
    assert not packed.config.fit


def test_a_budget_too_small_for_anything_is_an_error_with_figures():
    pack, calls = packer(lambda c: 500_000)
    with pytest.raises(BudgetError, match="500,000 bytes, there is room for 100,000"):
        fit(knob_of(PackConfig(fit=True)), pack, 100_000, 3_000_000)
    assert len(calls) <= MOST_PACKINGS


def test_a_budget_larger_than_the_finest_setting_takes_the_finest():
    pack, calls = packer(loss_curve(1000, 10, 0.5))
    packed = fit(knob_of(PackConfig(fit=True)), pack, 10**9, 1000)
    assert packed.config.loss == pytest.approx(1e-9) and len(calls) == 2


def test_a_stepped_curve_ends_after_the_promised_number_of_packings():
    pack, calls = packer(lambda c: 900_000 if c.loss > 1e-3 else 1_100_000)
    packed = fit(knob_of(PackConfig(fit=True)), pack, 1_000_000, 3_000_000)
    assert packed.counted_bytes == 900_000 and len(calls) <= MOST_PACKINGS
