"""Products that write their weight gradients into the bank's: equal to plain autograd, also for repeated matrices."""

import torch

from golfctl.model.kernels.products import products, unbind


def run(bank, x, plain):
    slices, slots = (bank.unbind(0), [None] * 3) if plain else unbind(bank)
    (y,) = products(x, [slices[0]], [slots[0]])
    a, b = products(y.tanh(), [slices[0], slices[2]], [slots[0], slots[2]])
    return (a * b).square().sum()


def test_gradients_equal_plain_autograd():
    generator = torch.Generator().manual_seed(0)
    bank = torch.randn(3, 6, 6, dtype=torch.float64, generator=generator, requires_grad=True)
    x = torch.randn(2, 4, 6, dtype=torch.float64, generator=generator, requires_grad=True)
    expected = torch.autograd.grad(run(bank, x, plain=True), (bank, x))
    loss = run(bank, x, plain=False)
    for _ in range(2):  # a retained graph gives the same again
        found = torch.autograd.grad(loss, (bank, x), retain_graph=True)
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-12)
    assert found[0][1].abs().max() == 0


def test_the_gradient_of_a_bank_is_not_copied():
    bank = torch.randn(3, 6, 6, requires_grad=True)
    run(bank, torch.randn(2, 4, 6), plain=False).backward()
    assert bank.grad.is_contiguous() and bank.grad.untyped_storage().nbytes() == 3 * 6 * 6 * 4


def test_passes_without_gradients_are_plain():
    bank = torch.randn(2, 3, 3, requires_grad=True)
    with torch.no_grad():
        assert unbind(bank)[1] == []
    assert unbind(bank.detach())[1] == [] and len(unbind(bank)[1]) == 2
