"""Lanes side by side, in any mixture, against each lane alone in an ordinary cache."""

import random

import pytest
import torch

from golfctl.errors import UsageError
from golfctl.model.weights.new_model import build_model
from tests.unit.model.cases import random_spec, shake, shaken, small, tokens
from tests.unit.model.test_recipes import minis, spec_of

LANES, LENGTH = 4, 12


def interleave(model, spec, rolling: bool, seed: int, moves: int = 10) -> None:
    """Random lanes take random numbers of tokens and begin anew at random times; every state is compared."""
    rng = random.Random(seed)
    ids_N = tokens(spec, 1, 4000, seed)[0]
    ids_N[::11] = spec.bos
    cache = model.start_lane_cache(LANES, LENGTH, rolling)
    alone, taken = [None] * LANES, [LENGTH] * LANES
    for _ in range(moves):
        chosen = range(LANES) if rng.random() < 0.4 else sorted(rng.sample(range(LANES), rng.randint(1, LANES)))
        count = rng.choice([1, 1, 1, 2, 5] + [LENGTH + 3] * rolling)
        spent = [lane for lane in chosen if alone[lane] is None or rng.random() < 0.1]
        if not rolling:
            spent = [lane for lane in chosen if lane in spent or taken[lane] + count > LENGTH]
        cache.begin(spent)
        for lane in spent:
            alone[lane] = model.start_rolling_cache(1, LENGTH) if rolling else model.start_cache(1, LENGTH)
            taken[lane] = 0
        ids_KT = torch.stack([ids_N[rng.randint(0, 3000) :][:count] for _ in chosen])
        found_KTD = model.extend_lanes(ids_KT, list(chosen), cache)
        for lane, ids_T, found_TD in zip(chosen, ids_KT, found_KTD, strict=True):
            expected_TD = model.extend_hidden(ids_T[None], alone[lane])[0]
            torch.testing.assert_close(found_TD, expected_TD, atol=1e-4, rtol=0)
            taken[lane] += count
            assert cache.positions_L[lane] == taken[lane]


@pytest.mark.parametrize("rolling", [False, True])
@minis
def test_lanes_of_recipes_are_as_if_alone(name, rolling):
    spec = spec_of(name)
    interleave(shake(build_model(spec, 0), size=0.05), spec, rolling, seed=len(name), moves=4)


@pytest.mark.parametrize("rolling", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_lanes_of_any_model_are_as_if_alone(seed, rolling):
    spec = random_spec(seed)
    interleave(shaken(spec, seed), spec, rolling, seed)


@pytest.mark.parametrize("rolling", [False, True])
def test_lanes_that_stand_together_share_one_view(rolling):
    """No mask and no copy where all lanes move as one; and the states of the ordinary cache, bit for bit."""
    spec = small()
    model, ids_LT = shaken(spec), tokens(spec, 3, 12)
    cache = model.start_lane_cache(3, 8 if rolling else 12, rolling)
    plain = model.start_rolling_cache(3, 8) if rolling else model.start_cache(3, 12)
    for ids_Lt in ids_LT.split([3, 1, 1, 1, 2, 1, 1, 1, 1], dim=1):
        named = cache.name(range(3), ids_Lt.shape[1], torch.device("cpu"))
        assert named.ends_B is None and named.positions(2, torch.device("cpu")).ndim == 1
        assert torch.equal(model.extend_lanes(ids_Lt, range(3), cache), model.extend_hidden(ids_Lt, plain))


def test_what_does_not_fit_is_refused():
    spec = small()
    model, ids_LT = shaken(spec), tokens(spec, 2, 6)
    cache = model.start_lane_cache(3, 5)
    model.extend_lanes(ids_LT[:, :4], [0, 2], cache)
    for lanes, columns, words in (
        ([0, 2], 2, "a lane of 5 tokens, 4 used, cannot take 2 more"),
        ([2, 0], 1, "lanes \\[2, 0\\]: name some of 0 to 2, each once, in order"),
        ([1, 3], 1, "name some of 0 to 2"),
        ([1, 1], 1, "each once"),
        ([1], 1, "1 lanes cannot take tokens of shape \\(2, 1\\)"),
        ([0, 1], 0, "cannot take tokens of shape \\(2, 0\\)"),
    ):
        with pytest.raises(UsageError, match=words):
            model.extend_lanes(ids_LT[:, :columns], lanes, cache)
    cache.begin([])
    model.extend_lanes(ids_LT[:, 4:5], [0, 2], cache)
    assert cache.positions_L.tolist() == [5, 0, 5]
