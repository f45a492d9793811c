import torch

from golfctl.training.meters.node import benchmark_seconds, node_benchmark


def test_long_where_machines_are_rented_short_elsewhere():
    assert [benchmark_seconds(torch.device(name), None) for name in ("cuda", "cpu", "mps")] == [10.0, 0.3, 0.3]
    assert benchmark_seconds(torch.device("cuda"), 0.5) == 0.5 and benchmark_seconds(torch.device("cuda"), 0.0) == 0.0


def test_rates_are_work_over_time():
    """On a clock that moves a second at every look each product takes one."""
    looks = iter(range(1000))
    found = node_benchmark(torch.device("cpu"), 30.0, now=lambda: float(next(looks)))
    assert found == {"fp32_tflops": 0.002, "bf16_tflops": 0.002, "copy_gb_per_second": 0.03}
