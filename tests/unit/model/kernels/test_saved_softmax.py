import pytest
import torch

from golfctl.model.kernels.backends import attend
from golfctl.model.kernels.saved_softmax import fits_saved_softmax, saved_softmax
from golfctl.model.kernels.visible import Visible


def heads(length, heads=4, groups=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(length)
    shapes = [(3, length, heads, 8), (3, length, groups, 8), (3, length, groups, 8)]
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes]


@pytest.mark.parametrize(("length", "count", "groups"), [(1, 1, 1), (7, 4, 2), (64, 2, 2), (64, 1, 1), (192, 6, 2)])
def test_output_and_gradients_are_those_of_the_formula(length, count, groups):
    mine, plain = heads(length, count, groups), heads(length, count, groups)
    slope = torch.randn_like(mine[0])
    before = [x.detach().clone() for x in mine]
    for inputs, y in ((mine, saved_softmax(*mine)), (plain, attend(*plain, Visible(), "math"))):
        (y * slope).sum().backward()
        inputs.append(y)
    for a, b in zip((*mine, *(x.grad for x in mine[:3])), (*plain, *(x.grad for x in plain[:3])), strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)
    assert all(torch.equal(x, old) for x, old in zip(mine[:3], before, strict=True))


def test_later_tokens_change_nothing_bit_for_bit():
    q, k, v = heads(128, dtype=torch.float32)
    before = saved_softmax(q, k, v)
    with torch.no_grad():
        for x in (q, k, v):
            x[:, 100:] += 1.0
    assert torch.equal(before[:, :100], saved_softmax(q, k, v)[:, :100])


def test_shapes_it_leaves_to_others():
    assert fits_saved_softmax(*heads(50)[:2]) and fits_saved_softmax(*heads(128)[:2])
    assert not fits_saved_softmax(*heads(100)[:2])
    q, k, _ = heads(128)
    assert not fits_saved_softmax(q[:, 64:], k)
