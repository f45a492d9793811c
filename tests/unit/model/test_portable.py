"""Portable arithmetic in the model: near the ordinary rows, and the same bits by whichever path a row is computed."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from golfctl.arithmetic.mode import portable
from golfctl.errors import UsageError
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.new_model import build_model
from tests.unit.model.cases import random_spec, shake, shaken, small, tokens
from tests.unit.model.test_recipes import minis, spec_of

LENGTH, FIRST = 22, 15


def text(spec: ModelSpec, batch: int, length: int = LENGTH) -> torch.Tensor:
    ids_BT = tokens(spec, batch, length)
    ids_BT[:, 9] = spec.bos
    ids_BT[-1, 4] = spec.bos
    return ids_BT


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal bits, compared by numpy, which the guard does not mind."""
    return np.array_equal(a.numpy().view(np.int32), b.numpy().view(np.int32))


def pieces(model, ids_BT: torch.Tensor, size: int, rolling: bool = False, reach: int = LENGTH) -> torch.Tensor:
    """States of all tokens, fed to lanes in pieces of `size`."""
    lanes = range(len(ids_BT))
    cache = model.start_lane_cache(len(ids_BT), reach, rolling)
    return torch.cat([model.extend_lanes(ids_Bt, lanes, cache) for ids_Bt in ids_BT.split(size, dim=1)], dim=1)


@torch.no_grad()
def check_paths(spec: ModelSpec, model) -> None:
    ids_BT = text(spec, 5)
    ordinary = model(ids_BT).log_softmax(-1)
    with portable():
        h_BTD = model.hidden(ids_BT)
        logits_BTV = model.head(h_BTD)
        for size in (1, 7):
            assert same(pieces(model, ids_BT, size), h_BTD)
        assert same(model.hidden(ids_BT, first=FIRST), h_BTD[:, FIRST:])
        assert same(pieces(model, ids_BT[2:3], 1), h_BTD[2:3])
        assert same(model.head(h_BTD[2, FIRST]), logits_BTV[2, FIRST])
        cache = model.start_cache(5, LENGTH)
        assert same(torch.cat([model.extend(ids, cache) for ids in ids_BT.split(6, 1)], 1), logits_BTV)
    apart = (logits_BTV.log_softmax(-1) - ordinary).abs().max()
    assert apart <= 3e-5


@minis
def test_rows_of_recipes(name):
    spec = spec_of(name)
    check_paths(spec, shake(build_model(spec, 0), size=0.05))


@pytest.mark.parametrize("seed", range(14))
def test_rows_of_any_model(seed):
    """Rows near the ordinary ones as well: weights this large magnify the last bits less than 3e-5 in these models."""
    spec = random_spec(seed)
    check_paths(spec, shake(build_model(spec, seed), seed, size=0.05))


@pytest.mark.parametrize("name", ["quickstart", "pr1855-mini"])
@torch.no_grad()
def test_lanes_do_not_depend_on_each_other(name):
    """32 lanes, of which some wait, begin anew and stand at different positions, against each text by itself."""
    spec = spec_of(name)
    model, ids_LT = shake(build_model(spec, 0), size=0.05), text(spec, 32)
    with portable():
        expected = model.hidden(ids_LT)
        cache = model.start_lane_cache(32, LENGTH)
        model.extend_lanes(ids_LT[::3, :5], range(0, 32, 3), cache)
        model.extend_lanes(ids_LT[::2, 7:9], range(0, 32, 2), cache)
        cache.begin(range(0, 32, 2))
        at_L = cache.positions_L.copy()
        for _ in range(4):
            ids_L1 = torch.stack([ids_T[at : at + 1] for ids_T, at in zip(ids_LT, at_L, strict=True)])
            found = model.extend_lanes(ids_L1, range(32), cache)
            assert all(same(found[lane, 0], expected[lane, at]) for lane, at in enumerate(at_L))
            at_L += 1


@pytest.mark.parametrize("name", ["pr549-mini", "pr1394-mini", "pr1855-mini"])
@torch.no_grad()
def test_rolling_rows(name):
    """Lanes by steps and by pieces, and the plain rolling cache: one path, equal bits, however slots have moved."""
    spec = spec_of(name)
    model, ids_BT, reach = shake(build_model(spec, 0), size=0.05), text(spec, 3, 40), 6
    with portable():
        steps = pieces(model, ids_BT, 1, rolling=True, reach=reach)
        assert same(pieces(model, ids_BT, 13, rolling=True, reach=reach), steps)
        cache = model.start_rolling_cache(3, reach)
        assert same(torch.cat([model.extend_hidden(ids, cache) for ids in ids_BT.split(9, 1)], 1), steps)
        lone = pieces(model, ids_BT[1:2], 3, rolling=True, reach=reach)
        assert same(lone, steps[1:2])


def test_what_cannot_be_portable_is_refused_by_name():
    spec = small(attention={"heads": 4, "kv_heads": 2, "documents": True})
    model, ids_BT = shaken(spec), text(spec, 2)
    with portable():
        with pytest.raises(UsageError, match="no gradients"):
            model(ids_BT)
        with pytest.raises(UsageError, match="no gradients"):
            model.loss(ids_BT, ids_BT)
        model.set_compute_dtype(torch.bfloat16)
        with torch.no_grad(), pytest.raises(UsageError, match=r"float32, not torch.bfloat16: use --dtype float32"):
            model(ids_BT)
        model.set_compute_dtype(None)
        with torch.no_grad(), pytest.raises(UsageError, match="on the CPU, not on meta"):
            model.to("meta")(ids_BT.to("meta"))


DIGEST = """
import hashlib, torch
from golfctl.arithmetic.mode import portable
from tests.unit.model.test_portable import digest
print(digest())
"""


@torch.no_grad()
def digest() -> str:
    """Of the rows of three models, from windows, steps and rolling steps."""
    found = hashlib.sha256()
    for name in ("quickstart", "pr761-mini", "pr1855-mini"):
        spec = spec_of(name)
        generator = torch.Generator().manual_seed(1)
        model = build_model(spec, 0)
        for parameter in model.parameters():  # whole numbers scaled: no capability of torch changes them
            shape = parameter.shape
            parameter.copy_(
                torch.randint(-99, 100, shape, generator=generator) * (2.0**-10 if len(shape) > 1 else 0.01)
            )
        ids_BT = text(spec, 4)
        with portable():
            for h_BTD in (model.hidden(ids_BT), pieces(model, ids_BT, 5), pieces(model, ids_BT, 1, True, 6)):
                found.update(model.head(h_BTD).numpy().tobytes())
    return found.hexdigest()


@pytest.mark.slow
def test_bits_do_not_depend_on_the_processor_or_the_threads():
    one = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    two = {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}
    haswell = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+avx,+sse4.2,+sse4.1,+ssse3,+sse3,+popcnt"}
    settings = (
        one,
        two,
        {**two, "ATEN_CPU_CAPABILITY": "default"},
        {**one, "ATEN_CPU_CAPABILITY": "avx2", "NUMBA_CPU_NAME": "generic"},
        {**one, **haswell},
    )
    found = set()
    for setting in settings:
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], env={**os.environ, **setting}, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1 and len(found.pop().strip()) == 64
