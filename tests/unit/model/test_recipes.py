"""The recipes that train: counts of the records, implied initial loss, causality, incremental form."""

import math

import pytest
import torch

from golfctl.core.packaged import packaged_recipe
from golfctl.model.census import census
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.new_model import build_model
from tests.unit.model.cases import shake, tokens

NAMES = ["baseline", "pr549", "pr761", "pr1084", "pr1128", "pr1150", "pr1394", "pr1722", "pr1855"]
PARAMETERS = {
    "baseline": 17_059_912, "pr549": 26_928_220, "pr1150": 26_993_756, "pr761": 27_137_223, "pr1394": 35_943_512,
    "pr1855": 35_945_671, "pr1084": 26_928_220, "pr1128": 26_928_220, "pr1722": 26_993_756,
}  # fmt: skip
minis = pytest.mark.parametrize("name", [f"{name}-mini" for name in NAMES])
originals = pytest.mark.parametrize("name", NAMES)


def spec_of(name: str) -> ModelSpec:
    return packaged_recipe(name).read("model", ModelSpec)


@originals
def test_counts_equal_the_records(name):
    assert census(spec_of(name)).parameters == PARAMETERS[name]


def test_flops_equal_the_published_count():
    """228.7 MFLOP per token of the 549 stack; 285 and 426 for the 17-step recurrence, off and on (millions)."""
    assert round(census(spec_of("pr549")).flops_per_token(2048) / 1e5) == 2287
    counted = census(spec_of("pr1855"))
    assert round(counted.flops_per_token(2048, loops=0) / 1e6) == 285
    assert round(counted.flops_per_token(2048) / 1e6) == 426


@originals
def test_minis_have_every_part_of_the_original(name):
    large, mini = spec_of(name), spec_of(f"{name}-mini")
    assert set(mini.parts) == set(large.parts)
    assert mini.paths.form == large.paths.form and (mini.recurrence is None) == (large.recurrence is None)
    assert mini.residual == large.residual and mini.init == large.init and mini.head == large.head
    assert mini.feed_forward.slope == large.feed_forward.slope and mini.attention.documents == large.attention.documents
    assert {n: o.get("form") for n, o in mini.to_dict()["parts"].items()} == {
        n: o.get("form") for n, o in large.to_dict()["parts"].items()
    }


def implied_loss(spec: ModelSpec) -> float:
    """ln V plus the tied head's own term, from the init alone.

    Branches write nothing yet, so h has length √D and points along the token's embedding, or with SmearGate v1 along
    the sum of two: the logit of each is D·σ/√n, that of any other token N(0, D·σ²).
    """
    size, own = spec.vocab_size, 2 if "smear" in spec.parts else 1
    cap, std = spec.head.softcap, spec.embedding.std
    logit = cap * math.tanh(spec.dim * std / math.sqrt(own) / cap)
    total = (size - own) * math.exp(spec.dim * std**2 / 2) + own * math.exp(logit)
    return math.log(total) - own * logit / size


def initial_loss(name: str, length: int) -> None:
    spec = spec_of(name)
    model = build_model(spec, 7)
    ids = tokens(spec, 4, length)
    with torch.no_grad():
        loss = -model(ids)[:, 1:].log_softmax(-1).mean().item()  # over all targets, each as likely as any other
        drawn = model.loss(ids[:, 1:-1], ids[:, 2:]).item()
    assert spec.head.tied and abs(loss - implied_loss(spec)) <= 0.005
    assert abs(drawn - loss) <= 0.02
    assert abs(loss - math.log(spec.vocab_size)) <= 0.02


@minis
def test_initial_loss_of_minis(name):
    initial_loss(name, 512)


@originals
@pytest.mark.slow
def test_initial_loss_of_originals(name):
    initial_loss(name, 128)


def causal_and_incremental(name: str, length: int) -> None:
    spec = spec_of(name)
    model = shake(build_model(spec, 0), 1, 0.02).eval()
    ids = tokens(spec, 2, length)
    ids[0, 7] = ids[1, 11] = spec.bos
    with torch.no_grad():
        before = model(ids)
        for j in (1, 8, length - 1):
            changed = ids.clone()
            changed[:, j] = (changed[:, j] + 1) % spec.vocab_size
            after = model(changed)
            assert torch.equal(before[:, :j], after[:, :j]) and not torch.equal(before[:, j], after[:, j])
    cache = model.start_cache(2, length)
    steps = torch.stack([model.step(column, cache) for column in ids.unbind(1)], 1)
    apart = (steps.log_softmax(-1) - before.log_softmax(-1)).abs()
    assert apart.max() <= 1e-4 and apart.mean() <= 1e-5


@minis
def test_minis_are_causal_and_incremental(name, one_thread):
    causal_and_incremental(name, 40)


@originals
@pytest.mark.slow
def test_originals_are_causal_and_incremental(name, one_thread):
    causal_and_incremental(name, 24)
