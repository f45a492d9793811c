"""Norm, rotation and gain in one function, against the three one after the other and against finite differences."""

import pytest
import torch

from golfctl.model.blocks.alignment import align
from golfctl.model.blocks.rotary import rotate, rotation
from golfctl.model.kernels.norm import rms


def inputs(dtype=torch.float64, dims=4):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, 3, 8, generator=generator).to(dtype).requires_grad_()
    gain = torch.tensor([1.5, 0.0, -2.0], dtype=torch.promote_types(dtype, torch.float32), requires_grad=True)
    return x, gain, rotation(100.0, dims, torch.arange(3, 8), x), torch.randn(2, 5, 3, 8, generator=generator).to(dtype)


@pytest.mark.parametrize("dims", [2, 4, 8])
def test_finite_differences(dims):
    x, gain, by, _ = inputs(dims=dims)
    assert torch.autograd.gradcheck(lambda x, gain: align(x, by, gain), (x, gain))
    assert torch.autograd.gradcheck(lambda x: align(x, by), (x,))


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-6), (torch.bfloat16, 0.06)])
def test_agrees_with_the_three_steps(dtype, atol):
    x, gain, by, g = inputs(dtype)
    wide = x.detach().float().requires_grad_()
    expected = rotate(rms(wide), rotation(100.0, 4, torch.arange(3, 8), wide)) * gain[:, None]
    found = align(x, by, gain)
    torch.testing.assert_close(found.float(), expected, atol=atol, rtol=0)
    own = torch.autograd.grad(found, (x, gain), g)
    other = torch.autograd.grad(expected, (wide, gain), g.float())
    for a, b in zip(own, other, strict=True):
        torch.testing.assert_close(a.float(), b, atol=atol * 2, rtol=atol)
