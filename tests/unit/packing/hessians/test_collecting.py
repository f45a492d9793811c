"""Calibration statistics against dense sums, and the estimate they give against the KL it stands for."""

import pytest
import torch

from golfctl.model.taps import lookup_tap, tap
from golfctl.model.weights.names import load_named_tensors, named_tensors
from golfctl.model.weights.new_model import build_model
from golfctl.packing.hessians.collecting import collect
from golfctl.quant.stats import estimated_loss


@pytest.fixture(scope="module")
def model(spec):
    """Weights that are not small, so that every matrix matters."""
    model = build_model(spec, 3)
    generator = torch.Generator().manual_seed(4)
    loud = {n: t + 0.1 * torch.randn(t.shape, generator=generator) for n, t in named_tensors(model).items()}
    load_named_tensors(model, loud)
    return model.eval()


@pytest.fixture(scope="module")
def ids(spec):
    return torch.randint(0, spec.vocab_size, (12, 32), generator=torch.Generator().manual_seed(5))


def test_hessians_are_the_mean_outer_products_of_the_inputs(model, ids):
    seen = {}
    with torch.no_grad(), tap(model, lambda name, x, y: seen.update({name: x.reshape(-1, x.shape[-1])})):
        model(ids)
    stats = collect(model, ids, batch=5)
    assert set(stats) == set(seen)
    for name, x_NC in seen.items():
        assert torch.allclose(stats[name].hessian_CC, x_NC.T @ x_NC / len(x_NC), rtol=1e-4, atol=1e-5), name
        assert stats[name].gradient is None and stats[name].tokens == ids.numel()


def test_gradients_are_collected_for_matrices_and_tables_and_nothing_is_left_behind(model, ids, spec):
    stats = collect(model, ids, batch=4, gradients=True)
    assert stats["blocks.0.attn.c_q.weight"].gradient.shape == (32, 32)
    table = stats["tok_emb.weight"]
    assert table.hessian_CC.shape == (32, 32) and table.gradient.shape == (spec.vocab_size, spec.vocab_size)
    assert not model.taps and not model.lookup_taps
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_tables_are_weighted_by_how_often_their_rows_are_looked_up(model, ids, spec):
    from golfctl.packing.hessians.collecting import Moments

    moments, total = Moments(gradients=True), torch.zeros(32, 32)
    rows_seen = []
    with lookup_tap(model, moments.lookup), lookup_tap(model, lambda name, i, rows: rows_seen.append(rows)):
        logits = model(ids)
        rows_seen[0].retain_grad()
        logits.square().sum().backward()
    gradient_ND = rows_seen[0].grad.reshape(-1, 32)
    total = gradient_ND.T @ gradient_ND / len(gradient_ND)
    stats = moments.stats(ids.numel(), {"tok_emb.weight": (spec.vocab_size, 32)})["tok_emb.weight"]
    assert torch.allclose(stats.hessian_CC, total, rtol=1e-3)
    counts = torch.bincount(ids.flatten(), minlength=spec.vocab_size)
    assert torch.equal(stats.gradient, (counts + 1) / ids.numel())
    model.zero_grad(set_to_none=True)


@pytest.mark.parametrize("name", ["blocks.0.mlp.fc.weight", "blocks.1.attn.proj.weight", "tok_emb.weight"])
def test_the_estimate_is_near_the_kl_of_a_small_random_change(model, ids, name):
    generator = torch.Generator().manual_seed(6)
    many = torch.randint(0, model.spec.vocab_size, (96, 32), generator=generator)
    stats = collect(model, many, batch=16, gradients=True)[name]
    before = named_tensors(model)
    kept, change = before[name].clone(), 0.01 * torch.randn(before[name].shape, generator=generator)
    with torch.no_grad():
        full = model(many).log_softmax(-1)
        before[name].add_(change)
        packed = model(many).log_softmax(-1)
        before[name].copy_(kept)
    kl = float((full.exp() * (full - packed)).sum(-1).mean())
    assert estimated_loss(change, stats) == pytest.approx(kl, rel=0.6)


def test_collecting_again_gives_the_same_numbers(model, ids, one_thread):
    first, second = (collect(model, ids, batch=4, gradients=True, seed=9) for _ in range(2))
    for name in first:
        assert torch.equal(first[name].hessian_CC, second[name].hessian_CC)
        assert torch.equal(first[name].gradient, second[name].gradient)
