"""Between torch's tensors and the arrays of compiled kernels, and the threads that share a kernel's rows.

A kernel takes `first` and `stop` before its arrays and writes those rows alone, each from its own inputs: whoever
computes them and in which pieces, their bits are the same.
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor

from golfctl.errors import UsageError

_P = ParamSpec("_P")
_R = TypeVar("_R")
_LEAST = 1 << 18
"""Operations, about, of which a thread must have this many to be worth its start (some 30 µs)."""
_DTYPES = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}


def kernel_call(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A decorator of what calls a kernel: the guard need not watch how tensors become arrays, some 10 µs each time."""

    @wraps(function)
    def unwatched(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with torch._C._DisableTorchDispatch():
            return function(*args, **kwargs)

    return unwatched


def check(x: Tensor) -> None:
    """Raise `UsageError` for a tensor that lies on a device, has a dtype that no kernel knows, or wants a gradient."""
    if x.dtype not in _DTYPES or not x.is_cpu:
        raise UsageError(
            f"portable arithmetic takes float32 and float64 on the CPU, and met {x.dtype} on {x.device}: "
            "use --device cpu and an fp32 model, or leave portable arithmetic"
        )
    if x.requires_grad and torch.is_grad_enabled():
        raise UsageError(
            "portable arithmetic has no gradients: use torch.no_grad(), or leave portable arithmetic to train"
        )


def values(x: Tensor) -> np.ndarray:
    """The values of a tensor, shared with it, one after another in memory; raises what `check` does."""
    check(x)
    return np.ascontiguousarray((x.detach() if x.requires_grad else x).numpy())


def singles(*tensors: Tensor) -> list[np.ndarray]:
    """The values of float32 tensors.

    Raises:
        UsageError: a tensor is none.
    """
    arrays = [values(x) for x in tensors]
    for array in arrays:
        if array.dtype != np.float32:
            raise UsageError(f"this portable kernel takes float32, and met {array.dtype}")
    return arrays


def rows(x: Tensor) -> np.ndarray:
    """The values as [rows, last dimension]."""
    array = values(x)
    return array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


def work(kernel: Callable[..., Any], count: int, cost: int, *arrays: Any) -> None:
    """`kernel(first, stop, *arrays)` over rows 0 to `count`, shared by as many threads as torch may use.

    Args:
        kernel: compiled, see above.
        count: rows.
        cost: operations of one row, about.
        arrays: what the kernel gets beside the rows.
    """
    pieces = min(torch.get_num_threads(), count, count * cost // _LEAST)
    if pieces <= 1:
        kernel(0, count, *arrays)
        return
    bounds = [count * i // pieces for i in range(pieces + 1)]
    others = [_threads().submit(kernel, bounds[i], bounds[i + 1], *arrays) for i in range(1, pieces)]
    kernel(bounds[0], bounds[1], *arrays)
    for other in others:
        other.result()


@cache
def _threads() -> ThreadPoolExecutor:
    """The threads beside the caller's own; started when there is work for them."""
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "portable")


os.register_at_fork(after_in_child=_threads.cache_clear)
