"""The models of the seeds: the reference programs' numbers, and the plain formulas on random configurations."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from golfctl.model.table import PARTS, PATHS
from golfctl.model.weights.names import load_named_tensors, named_tensors
from golfctl.model.weights.new_model import empty_model
from tests.oracles import gpt
from tests.unit.model.cases import gradients, random_spec, shake, spec_of_reference, tokens

PARITY = Path(__file__).parents[2] / "fixtures" / "parity"


def read(name):
    with safe_open(PARITY / f"{name}.safetensors", "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        return json.loads(file.metadata()["config"]), tensors


@pytest.mark.parametrize("name", ["model_pr549", "model_pr549_no_extras", "model_pr549_long", "model_pr761"])
@pytest.mark.parametrize("backend", ["auto", "math"])
def test_reference_programs_numbers(name, backend):
    config, tensors = read(name)
    model = empty_model(spec_of_reference(config))
    load_named_tensors(model, {k.removeprefix("weight/"): t for k, t in tensors.items() if k.startswith("weight/")})
    model.backend = backend
    ids, targets = tensors["input_ids"], tensors["target_ids"]
    torch.testing.assert_close(model(ids), tensors["logits"], atol=1e-5, rtol=0)
    loss = model.loss(ids, targets)
    assert abs(loss.item() - tensors["loss"].item()) <= 1e-6
    loss.backward()
    found = gradients(model)
    expected = {key.removeprefix("grad/"): t for key, t in tensors.items() if key.startswith("grad/")}
    assert len(expected) == 8
    for key, gradient in expected.items():
        assert (found[key] - gradient).abs().max() <= 1e-5 * gradient.abs().max(), key


def against_the_formulas(spec, seed, length, loops=None):
    model = shake(flat_model(spec), seed, 0.3).double()
    if loops is not None:
        model.set_loops(loops)
    ids, targets = tokens(spec, 2, length, seed), tokens(spec, 2, length, seed + 1)
    weights = {name: tensor.clone().requires_grad_() for name, tensor in named_tensors(model).items()}
    expected = gpt.loss(ids, targets, spec.to_dict(), weights, loops)
    slopes = torch.autograd.grad(expected, list(weights.values()), allow_unused=True)
    found = model.loss(ids, targets)
    found.backward()
    assert abs(found.item() - expected.item()) <= 1e-11
    torch.testing.assert_close(model(ids), gpt.logits(ids, spec.to_dict(), weights, loops), atol=1e-10, rtol=0)
    own = gradients(model)
    for name, slope in zip(weights, slopes, strict=True):
        wanted = torch.zeros_like(weights[name]) if slope is None else slope
        assert (own[name] - wanted).abs().max() <= 1e-10 * max(1.0, wanted.abs().max().item()), name


def flat_model(spec):
    """Far from the initial values, so that a swapped pair of gains shows."""
    model = empty_model(spec)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.4 if parameter.ndim < 2 else 0.0)
    return model


@pytest.mark.parametrize("seed", range(40))
def test_random_configurations_follow_the_formulas(seed):
    spec = random_spec(seed)
    against_the_formulas(spec, seed, 5 + seed % 12)


@pytest.mark.parametrize("seed", range(40, 400))
@pytest.mark.slow
def test_many_random_configurations_follow_the_formulas(seed):
    spec = random_spec(seed)
    against_the_formulas(spec, seed, 2 + seed % 30)


@pytest.mark.parametrize("loops", [0, 1])
def test_recurrence_partly_in_use_follows_the_formulas(loops):
    spec = next(s for s in map(random_spec, range(1000)) if s.recurrence and s.recurrence.extra == 2)
    against_the_formulas(spec, 5, 11, loops)


def test_random_configurations_cover_every_choice():
    specs = [random_spec(seed) for seed in range(40)]
    assert {part for spec in specs for part in spec.parts} == set(PARTS)
    assert {spec.paths.form for spec in specs} == set(PATHS)
    assert {spec.residual.skips for spec in specs} == {"none", "unet", "gated"}
    assert any(spec.recurrence for spec in specs) and any(spec.attention.documents for spec in specs)
