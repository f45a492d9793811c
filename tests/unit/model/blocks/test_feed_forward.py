"""The squared leaky ReLU with its own backward pass."""

import pytest
import torch
from torch.nn import functional as F

from golfctl.model.blocks.feed_forward import leaky_square


@pytest.mark.parametrize("slope", [0.0, 0.5, 0.9])
def test_value_and_gradient(slope):
    p = torch.randn(4, 9, dtype=torch.float64, requires_grad=True, generator=torch.Generator().manual_seed(0))
    expected = F.leaky_relu(p, slope).square()
    g = torch.randn(4, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(leaky_square(p, slope), expected)
    (own,), (other,) = torch.autograd.grad(leaky_square(p, slope), p, g), torch.autograd.grad(expected, p, g)
    torch.testing.assert_close(own, other, atol=1e-14, rtol=1e-12)
    assert torch.autograd.gradcheck(lambda p: leaky_square(p, slope), (p,))
