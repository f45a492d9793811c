"""A short benchmark of the node, for the journal: the same model ran at 41 to 161 ms a step on different machines."""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch


class _Work(NamedTuple):
    """Side of the square matrices, bytes that are copied, calls between two looks at the clock."""

    side: int
    copy_bytes: int
    calls: int


_WORK = {"cuda": _Work(8192, 1 << 30, 8), "mps": _Work(2048, 1 << 26, 4)}
_CPU_WORK = _Work(1024, 1 << 24, 1)
_SECONDS = {"cuda": 10.0}  # where machines are rented by the hour
_DEFAULT_SECONDS = 0.3
_QUICK_SIDES = (64, 64, 128, 256, 512, 512, 1024, 1024)  # each size's first product may load its code


def benchmark_seconds(device: torch.device, asked: float | None) -> float:
    """How long the benchmark lasts: as asked, else 10 s on a GPU and 0.3 s elsewhere."""
    return _SECONDS.get(device.type, _DEFAULT_SECONDS) if asked is None else asked


def node_benchmark(
    device: torch.device, seconds: float, now: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Matrix products in TFLOP/s (fp32, bf16) and memory copies in GB/s, each measured for a third of `seconds`."""
    results: dict[str, float] = {}
    side, copy_bytes, calls = _WORK.get(device.type, _CPU_WORK)
    for name, dtype in (("fp32_tflops", torch.float32), ("bf16_tflops", torch.bfloat16)):
        a = torch.randn(side, side, device=device, dtype=dtype)
        results[name] = 2e-12 * side**3 * _rate(partial(torch.mm, a, a), calls, device, seconds / 3, now)
    block = torch.empty(copy_bytes, dtype=torch.uint8, device=device)
    results["copy_gb_per_second"] = 2e-9 * copy_bytes * _rate(block.clone, calls, device, seconds / 3, now)
    return {name: round(value, 3) for name, value in results.items()}


def quick_product_flops(
    device: torch.device, dtype: torch.dtype, seconds: float, now: Callable[[], float] = time.perf_counter
) -> float:
    """FLOP/s of the largest matrix product that `seconds` leave time for: rough, but quick where a dtype is slow."""
    start, rate = now(), 0.0
    for side in _QUICK_SIDES:
        a = torch.ones(side, side, device=device, dtype=dtype)
        before = now()
        torch.mm(a, a)
        _wait(device)
        rate = 2.0 * side**3 / max(now() - before, 1e-9)
        if now() - start > seconds:
            break
    return rate


def _rate(
    work: Callable[[], object], calls: int, device: torch.device, seconds: float, now: Callable[[], float]
) -> float:
    """Calls per second."""
    work()
    _wait(device)
    start, done = now(), 0
    while (elapsed := now() - start) < seconds or not done:
        for _ in range(calls):
            work()
        _wait(device)
        done += calls
    return done / elapsed


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
