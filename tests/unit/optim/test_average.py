import torch

from golfctl.optim.average import WeightAverage


def test_ema_follows_its_formula():
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    average = WeightAverage([p], decay=0.9)
    expected = p.detach().clone()
    for value in (3.0, -1.0, 5.0):
        p.data.fill_(value)
        average.update()
        expected = 0.9 * expected + 0.1 * p.detach()
    torch.testing.assert_close(average.values[0], expected)


def test_a_warm_ema_soon_forgets_the_initial_weights():
    p = torch.nn.Parameter(torch.ones(2))
    average = WeightAverage([p], decay=0.997, warm=True)
    expected = torch.ones(2)
    for t in range(1, 101):
        p.data.fill_(1.0 / t)
        average.update()
        rho = min(0.997, (1 + t) / (10 + t))
        expected = rho * expected + (1 - rho) * p.detach()
    torch.testing.assert_close(average.values[0], expected)
    assert float(average.values[0][0]) < 0.05


def test_swa_is_the_plain_mean_of_its_snapshots():
    p = torch.nn.Parameter(torch.zeros(3))
    average = WeightAverage([p], decay=None)
    for value in (1.0, 2.0, 6.0):
        p.data.fill_(value)
        average.update()
    torch.testing.assert_close(average.values[0], torch.full((3,), 3.0))
