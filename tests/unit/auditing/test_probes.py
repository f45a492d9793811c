import numpy as np
import pytest

from golfctl.auditing.probes import SUFFIXES, cut_positions, replace_suffix, rng_for


def test_cuts_cover_every_phase_and_stay_inside():
    phases = set()
    for seed in range(20):
        cuts = cut_positions(512, 60, rng_for(seed, "T1"))
        assert cuts.min() >= 1 and cuts.max() <= 510
        phases |= set((cuts % 64).tolist())
    assert phases == set(range(64))


@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_suffix_leaves_the_prefix_alone(kind):
    rng = rng_for(3, "T1")
    text_N = rng.integers(0, 48, 100).astype(np.uint16)
    others_M = rng.integers(0, 48, 60).astype(np.uint16)  # shorter than the suffix: the rest is random
    altered = replace_suffix(text_N, 30, kind, others_M, 48, rng)
    assert altered.shape == text_N.shape and altered.dtype == text_N.dtype
    assert np.array_equal(altered[:31], text_N[:31]) and not np.array_equal(altered[31:], text_N[31:])
    if kind == "permuted":
        assert np.array_equal(np.sort(altered), np.sort(text_N))


def test_checks_draw_independently():
    assert rng_for(0, "T1").integers(1 << 30) != rng_for(0, "T2").integers(1 << 30)
    assert rng_for(0, "T1").integers(1 << 30) == rng_for(0, "T1").integers(1 << 30)
