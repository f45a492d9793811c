"""What the benchmarks beside the reference program share on any device: a clock, and golfctl's own attention kernel."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from golfctl.model.kernels.backends import attend
from golfctl.model.kernels.visible import Visible


def clock_of(device: torch.device) -> Callable[[], float]:
    """Seconds: of the processor on a CPU, which a shared machine does not disturb; else the wall clock's, read when the
    device has done what it was given."""
    if device.type != "cuda":
        return time.process_time

    def wall() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return wall


def own_kernel(q_BTHd: Tensor, k_BTKd: Tensor, v_BTKd: Tensor, causal: bool) -> Tensor:
    """golfctl's own choice of a kernel, for the reference too."""
    return attend(q_BTHd, k_BTKd, v_BTKd, Visible())
