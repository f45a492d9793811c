"""Attention alone, at the record's shapes: every kernel against the formula in float64 on the CPU, with gradients.

B sequences, T positions, H query heads, K key-value heads, d head dimension.
"""

import statistics
import time
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.paths import NotHere, Path, all_paths, precise
from benchmarks.gpu.report import Report
from golfctl.model.kernels.backends import attend
from golfctl.model.kernels.visible import Visible

SHAPE, DRY_SHAPE = (2, 2048, 8, 4, 64), (2, 192, 4, 2, 16)
TIMED_SHAPE = (48, 2048, 8, 4, 64)  # one micro-batch of the record: 98,304 tokens
TIMES, FLOOR = 4.0, {torch.float32: 2e-6, torch.bfloat16: 1e-3}
REPEATS = 20


class Pass(NamedTuple):
    """Output and the gradients of q, k and v, in float64 on the CPU."""

    y: Tensor
    dq: Tensor
    dk: Tensor
    dv: Tensor


def run(options: Options, report: Report) -> None:
    report.figure("flags", precise())
    shape = DRY_SHAPE if options.dry else SHAPE
    for documents in (False, True):
        for dtype in (torch.float32, torch.bfloat16):
            inputs = made(shape, dtype)
            truth = attention(inputs, torch.float64, "cpu", visible(shape, documents, "cpu"), "math")
            yardstick = attention(inputs, dtype, "cpu", visible(shape, documents, "cpu"), "math")
            for path in all_paths():
                if path.dtype == dtype:
                    one(report, path, inputs, documents, truth, yardstick, options.device)
    milliseconds = timed(report, options)
    report.figure("milliseconds", milliseconds)
    report.figure("main", {f"{name} ms": value for name, value in milliseconds.items()})


def made(shape: tuple[int, ...], dtype: torch.dtype) -> list[Tensor]:
    """q, k, v and the gradient of y, already rounded to `dtype`."""
    batch, length, heads, groups, size = shape
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, length, count, size, generator=generator).to(dtype)
            for count in (heads, groups, groups, heads)]  # fmt: skip


def visible(shape: tuple[int, ...], documents: bool, device: str) -> Visible:
    """Documents of uneven lengths, or causality alone."""
    if not documents:
        return Visible()
    positions = torch.arange(shape[1]).expand(shape[0], -1)
    return Visible(((positions * 7) // shape[1] + (positions > 50)).int().to(device))


def attention(inputs: list[Tensor], dtype: torch.dtype, device: str, seen: Visible, backend: str) -> Pass:
    *heads, slope = (x.to(device, dtype).detach() for x in inputs)
    for x in heads:
        x.requires_grad_(True)
    y = attend(*heads, seen, backend)
    slopes = torch.autograd.grad(y, heads, slope)
    return Pass(*(x.detach().double().cpu() for x in (y, *slopes)))


def one(report: Report, path: Path, inputs: list[Tensor], documents: bool, truth: Pass, near: Pass,
        device: str) -> None:  # fmt: skip
    if reason := path.absent(device, documents):
        report.absent(path.name, reason)
        return
    shape = (*inputs[0].shape[:3], inputs[1].shape[2], inputs[0].shape[3])
    name = f"{path.name}{', documents' if documents else ''}"
    with report.attempt(name):
        try:
            with path.chosen():
                found = attention(inputs, path.dtype, device, visible(shape, documents, device), path.backend)
        except NotHere as reason:
            report.absent(name, str(reason))
            return
        for part, mine, wanted, usual in zip(Pass._fields, found, truth, near, strict=True):
            size = rms(wanted)
            bound = TIMES * rms(usual - wanted) / size + FLOOR[path.dtype]
            report.at_most(f"{name}: {part}", rms(mine - wanted) / size, bound, "relative root mean square")


def rms(tensor: Tensor) -> float:
    return float(tensor.square().mean().sqrt())


def timed(report: Report, options: Options) -> dict[str, float]:
    """Median milliseconds of one forward and backward pass in bfloat16, per path that is here."""
    shape = DRY_SHAPE if options.dry else TIMED_SHAPE
    inputs, found = made(shape, torch.bfloat16), {}
    for documents in (False, True):
        for path in all_paths():
            slow = path.backend in ("math", "segments") or path.kernel == "math"
            if path.dtype != torch.bfloat16 or slow or path.absent(options.device, documents):
                continue
            name = f"{path.backend}{f'/{path.kernel}' if path.kernel else ''}{', documents' if documents else ''}"
            with report.attempt(f"time of {name}"):
                try:
                    with path.chosen():
                        found[name] = milliseconds(inputs, path, visible(shape, documents, options.device), options)
                except NotHere:
                    continue  # named above
                except torch.OutOfMemoryError:
                    report.absent(f"time of {name}", "the device's memory does not suffice for one micro-batch")
    return found


def milliseconds(inputs: list[Tensor], path: Path, seen: Visible, options: Options) -> float:
    *heads, slope = (x.to(options.device).detach() for x in inputs)
    for x in heads:
        x.requires_grad_(True)
    spent = []
    for _ in range(3 + (3 if options.dry else REPEATS)):
        wait(options)
        start = time.perf_counter()
        torch.autograd.grad(attend(*heads, seen, path.backend), heads, slope)
        wait(options)
        spent.append(time.perf_counter() - start)
    return round(1000 * statistics.median(spent[3:]), 3)


def wait(options: Options) -> None:
    """Kernels run behind the host: a clock is read when they are done."""
    if options.device == "cuda":
        torch.cuda.synchronize()
