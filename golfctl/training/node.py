"""A short benchmark of the node, for the journal: the same model ran at 41 to 161 ms a step on different machines."""

import time
from collections.abc import Callable
from functools import partial

import torch

_SIDE = 1024


def node_benchmark(
    device: torch.device, seconds: float, now: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Matrix products in TFLOP/s (fp32, bf16) and memory copies in GB/s, each measured for a third of `seconds`."""
    results: dict[str, float] = {}
    for name, dtype in (("fp32_tflops", torch.float32), ("bf16_tflops", torch.bfloat16)):
        a = torch.randn(_SIDE, _SIDE, device=device, dtype=dtype)
        results[name] = 2e-12 * _SIDE**3 * _rate(partial(torch.mm, a, a), device, seconds / 3, now)
    block = torch.empty(1 << 24, dtype=torch.uint8, device=device)
    results["copy_gb_per_second"] = 2e-9 * block.numel() * _rate(block.clone, device, seconds / 3, now)
    return {name: round(value, 3) for name, value in results.items()}


def _rate(work: Callable[[], object], device: torch.device, seconds: float, now: Callable[[], float]) -> float:
    """Calls per second."""
    work()
    _wait(device)
    start, calls = now(), 0
    while (elapsed := now() - start) < seconds or not calls:
        work()
        _wait(device)
        calls += 1
    return calls / elapsed


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
