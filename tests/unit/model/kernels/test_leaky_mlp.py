import pytest
import torch

from golfctl.model.blocks.feed_forward import leaky_square
from golfctl.model.kernels import leaky_mlp as module
from golfctl.model.kernels.leaky_mlp import leaky_mlp
from golfctl.model.kernels.products import unbind


def parameters():
    generator = torch.Generator().manual_seed(3)
    shapes = [(2, 25, 6), (3, 10, 6), (3, 6, 10)]
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("slope", [0.0, 0.5])
@pytest.mark.parametrize("rows", [20, 1000])
def test_output_and_gradients_are_those_of_the_formula(monkeypatch, slope, rows):
    """Slice 0 is used twice, as by a repeated layer, slice 2 never."""
    monkeypatch.setattr(module, "_FEWEST_ROWS", rows)
    monkeypatch.setattr(module, "_CHUNK", 1)
    mine, plain = parameters(), parameters()
    (ups, up_slots), (downs, down_slots) = unbind(mine[1]), unbind(mine[2])
    x, y = mine[0], plain[0]
    for i in (0, 1, 0):
        x = x + leaky_mlp(x, ups[i], downs[i], (up_slots[i], down_slots[i]), slope)
        y = y + leaky_square(y @ plain[1][i].T, slope) @ plain[2][i].T
    torch.testing.assert_close(x, y)
    x.square().sum().backward()
    y.square().sum().backward()
    for a, b in zip(mine, plain, strict=True):
        torch.testing.assert_close(a.grad, b.grad)
