"""Products through oneDNN: those of the formula, and the same bits whatever else is in the batch."""

import pytest
import torch
from torch.nn import functional as F

from golfctl.model.kernels import linear as module
from golfctl.model.kernels.linear import linear
from golfctl.model.weights.new_model import build_model
from tests.unit.model.cases import shake, small

ROWS, INPUTS, OUTPUTS = 300, 256, 512
taken = pytest.mark.skipif(module._ONEDNN is None, reason="this torch has no such operator")


def operands(rows=ROWS, dtype=torch.float32):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, rows, INPUTS, generator=generator, dtype=torch.float64)
    weight = torch.randn(OUTPUTS, INPUTS, generator=generator, dtype=torch.float64)
    return x.to(dtype), weight.to(dtype)


@pytest.fixture
def counted(monkeypatch):
    """Calls of the operator."""
    calls = []

    def operator(*arguments):
        calls.append(arguments)
        return module_operator(*arguments)

    module_operator = module._ONEDNN
    monkeypatch.setattr(module, "_ONEDNN", operator)
    return calls


@taken
@pytest.mark.parametrize("transposed", [False, True])
def test_large_products_are_those_of_the_formula(counted, transposed):
    x, weight = operands()
    expected = x.double() @ weight.double().t()
    weight = weight.t().contiguous().t() if transposed else weight
    found = linear(x, weight)
    assert len(counted) == 1 and found.shape == (2, ROWS, OUTPUTS) and found.is_contiguous()
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=0)


@taken
def test_a_row_has_the_same_bits_in_any_batch_and_for_any_number_of_threads(counted):
    x, weight = operands()
    whole = linear(x, weight)
    assert torch.equal(linear(x[1], weight), whole[1]) and torch.equal(linear(x[:, :280], weight), whole[:, :280])
    changed = x.clone()
    changed[:, 141:] += 1.0
    assert torch.equal(linear(changed, weight)[:, :141], whole[:, :141])
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            assert torch.equal(linear(x, weight), whole)
    finally:
        torch.set_num_threads(threads)
    assert len(counted) == 7


@taken
def test_everything_else_is_left_to_torch(counted):
    x, weight = operands(8)
    assert torch.equal(linear(x, weight), F.linear(x, weight))  # too small
    for dtype in (torch.float64, torch.bfloat16):
        x, weight = operands(dtype=dtype)
        assert torch.equal(linear(x, weight), F.linear(x, weight))
    x, weight = operands()
    with torch.autocast("cpu", torch.bfloat16):
        assert linear(x, weight).dtype == torch.bfloat16
    loss = linear(x.requires_grad_(), weight.requires_grad_()).sum()
    torch.testing.assert_close(torch.autograd.grad(loss, x)[0], weight.detach().sum(0).expand_as(x), atol=1e-4, rtol=0)
    assert not counted
    with torch.no_grad():
        linear(x, weight)
    assert len(counted) == 1


def test_without_the_operator_torch_does_it_all(monkeypatch):
    monkeypatch.setattr(module, "_ONEDNN", None)
    x, weight = operands()
    assert torch.equal(linear(x, weight), F.linear(x, weight))


@taken
def test_a_model_trains_and_scores_alike_through_either(monkeypatch, one_thread):
    """Every product of a model, forward and backward, small as they are here."""
    model = shake(build_model(small(), 0)).requires_grad_(True)
    ids = torch.randint(2, 48, (2, 65), generator=torch.Generator().manual_seed(3))

    def measured():
        loss = model.loss(ids[:, :-1], ids[:, 1:])
        gradients = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
        with torch.no_grad():
            return loss.detach(), model(ids), *gradients

    expected = measured()
    monkeypatch.setattr(module, "_SMALLEST", 1)
    calls, operator = [], module._ONEDNN
    monkeypatch.setattr(module, "_ONEDNN", lambda *a: calls.append(a) or operator(*a))
    found = measured()
    assert len(calls) > 50
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)
