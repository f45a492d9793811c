import math

import numpy as np
import pytest

from golfctl.coding import encode, estimate_bits, gaussian_bits
from tests.unit.coding.rans.test_coder import weights


@pytest.mark.parametrize("scale", [0.6, 3.0, 40.0, 3000.0])
def test_estimate_is_near_the_real_size(scale):
    codes = weights(200, 300, scale=scale)
    assert estimate_bits(codes) == pytest.approx(8 * len(encode("rans/1", codes)), rel=0.006)


def test_estimate_of_nothing_is_nothing():
    assert estimate_bits(np.zeros((0, 4), np.int8)) == 0.0


@pytest.mark.parametrize("step", [0.1, 0.2, 0.3, 0.9, 2.0])
def test_gaussian_bits(step):
    values = np.rint(np.random.default_rng(0).normal(0, 1 / step, 400_000)).astype(int)
    counts = np.unique(values, return_counts=True)[1] / values.size
    assert gaussian_bits(step) == pytest.approx(-(counts * np.log2(counts)).sum(), abs=0.01)


def test_a_halved_step_costs_one_bit():
    assert gaussian_bits(0.05) - gaussian_bits(0.1) == pytest.approx(1.0)
    assert gaussian_bits(0.1) == pytest.approx(2.047 - math.log2(0.1), abs=1e-3)
