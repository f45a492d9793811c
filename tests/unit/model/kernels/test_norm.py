"""The norm with its own backward pass, against torch's and against finite differences."""

import pytest
import torch
from torch.nn import functional as F

from golfctl.model.kernels.norm import EPSILON, rms


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_gradients_hold_against_finite_differences(scale):
    x = torch.randn(3, 4, 7, dtype=torch.float64, requires_grad=True, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(lambda x: rms(x, scale), (x,))


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-6), (torch.bfloat16, 0.02)])
def test_agrees_with_torch(dtype, atol):
    generator = torch.Generator().manual_seed(1)
    x = (torch.randn(5, 33, generator=generator) * 3).to(dtype).requires_grad_()
    g = torch.randn(5, 33, generator=generator).to(dtype)
    (own,) = torch.autograd.grad(rms(x, 0.5), x, g)
    (other,) = torch.autograd.grad(F.rms_norm(x.float(), (33,), eps=EPSILON) * 0.5, x, g.float())
    torch.testing.assert_close(rms(x, 0.5).float(), F.rms_norm(x.float(), (33,), eps=EPSILON) * 0.5, atol=atol, rtol=0)
    torch.testing.assert_close(own.float(), other.float(), atol=atol, rtol=0)


def test_small_embeddings_keep_their_size_in_bf16():
    x = torch.full((1, 16), 0.005, dtype=torch.bfloat16)
    assert abs(rms(x).float().mean().item() - 1) < 0.01


def test_zero_stays_zero():
    x = torch.zeros(2, 8, requires_grad=True)
    rms(x).sum().backward()
    assert rms(x).abs().max() == 0 and x.grad.isfinite().all()
