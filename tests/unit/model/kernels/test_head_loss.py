import pytest
import torch
from torch.nn import functional as F

from golfctl.model.kernels import head_loss as module
from golfctl.model.kernels.head_loss import fits_head_loss, head_loss


def case(dtype, scale=3.0):
    generator = torch.Generator().manual_seed(7)
    h = (scale * torch.randn(50, 12, generator=generator)).to(dtype).requires_grad_()
    weight = torch.randn(40, 12, generator=generator).to(dtype).requires_grad_()
    return h, weight, torch.randint(0, 40, (50,), generator=generator)


def plain(h, weight, targets, softcap):
    z = F.linear(h, weight)
    return F.cross_entropy(softcap * torch.tanh(z / softcap) if softcap else z, targets)


@pytest.mark.parametrize("softcap", [0.0, 2.0, 30.0])
@pytest.mark.parametrize("ignored", [0, 9])
@pytest.mark.parametrize("rows", [7, 1000])
def test_loss_and_gradients_are_those_of_the_formula(monkeypatch, softcap, ignored, rows):
    monkeypatch.setattr(module, "_CHUNK", 40 * rows)
    h, weight, targets = case(torch.float64)
    targets[:ignored] = -100
    mine, expected = head_loss(h, weight, targets, softcap), plain(h, weight, targets, softcap)
    slopes = [torch.autograd.grad(3.0 * loss, (h, weight)) for loss in (mine, expected)]
    torch.testing.assert_close(mine, expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(slopes[0], slopes[1], atol=1e-12, rtol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
def test_narrow_types_stay_close(dtype, tolerance):
    h, weight, targets = case(dtype)
    mine = head_loss(h, weight, targets, 30.0)
    assert mine.dtype == torch.float32
    mine.backward()
    wide = [x.detach().double().requires_grad_() for x in (h, weight)]
    expected = plain(*wide, targets, 30.0)
    expected.backward()
    assert abs(float(mine.detach() - expected.detach())) <= tolerance
    for x, y in zip((h, weight), wide, strict=True):
        assert float((x.grad - y.grad).norm() / y.grad.norm()) <= tolerance


def test_far_logits_do_not_overflow():
    h, weight, targets = case(torch.float32, scale=300.0)
    mine, expected = head_loss(h, weight, targets, 0.0), plain(h.double(), weight.double(), targets, 0.0)
    torch.testing.assert_close(mine.double(), expected, atol=0, rtol=1e-6)


def test_where_it_is_taken():
    h, weight, _ = case(torch.float32)
    assert fits_head_loss(h, weight) and not fits_head_loss(h.detach(), weight.detach())
    with torch.no_grad():
        assert not fits_head_loss(h, weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert not fits_head_loss(h, weight)
