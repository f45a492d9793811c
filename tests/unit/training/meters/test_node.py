import torch

from golfctl.training.meters import node
from golfctl.training.meters.node import benchmark_seconds, node_benchmark


def test_long_where_machines_are_rented_short_elsewhere():
    assert [benchmark_seconds(torch.device(name), None) for name in ("cuda", "cpu", "mps")] == [10.0, 0.3, 0.3]
    assert benchmark_seconds(torch.device("cuda"), 0.5) == 0.5 and benchmark_seconds(torch.device("cuda"), 0.0) == 0.0


def test_rates_are_work_over_time(monkeypatch):
    """On a clock that moves a second at every look, ten looks end nine products."""
    monkeypatch.setattr(node, "_CPU_WORK", node._CPU_WORK._replace(side=10_000))
    monkeypatch.setattr(torch, "randn", lambda *shape, device, dtype: shape)
    monkeypatch.setattr(torch, "mm", lambda a, b: None)  # a real one is made where the journal has the figures
    looks = iter(range(1000))
    found = node_benchmark(torch.device("cpu"), 30.0, now=lambda: float(next(looks)))
    assert found == {"fp32_tflops": 1.8, "bf16_tflops": 1.8, "copy_gb_per_second": 0.03}
