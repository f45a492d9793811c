"""Whether this machine computes what the kernels are defined to: fixed inputs, and digests that are known.

What could differ: a compiler that fuses or reorders, subnormal numbers taken for 0, another way of rounding, a fault.
"""

import hashlib
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from golfctl.arithmetic import VERSION
from golfctl.arithmetic.kernels.elementwise import cos, exp, log, sigmoid, sin, sqrt, tanh
from golfctl.arithmetic.kernels.heads import align, rms, rotation
from golfctl.arithmetic.kernels.matrix import product
from golfctl.arithmetic.kernels.ranged_attention import attend
from golfctl.arithmetic.kernels.row_sums import dot_last, entropy_of_log_rows, log_softmax, logsumexp, softmax, sum_last
from golfctl.errors import MachineError

DIGESTS = {
    "exp": "89ff40c686a4686c",
    "log": "bf7ad6e6483e439b",
    "tanh": "58be64de9f3c06d5",
    "sigmoid": "5717860f67ec1995",
    "sin": "eed84fac57830e88",
    "cos": "61a66894c1103d16",
    "sqrt": "86ff8a35d9710004",
    "softmax": "53cdfd0d9641fc5b",
    "log_softmax": "eb9ad913c6f3f49a",
    "logsumexp": "74dc423c9c8b0e60",
    "entropy": "73e4298c9d684b0b",
    "sum": "692421c6533ba8ce",
    "dot": "2685d3d6f4d2f811",
    "product": "e655766edfedfe35",
    "attend": "48d32ed567c48b0c",
    "rms": "428aab157a6c9f97",
    "align": "0c7ff6298a344522",
    "rotation": "7c5dfdba26798191",
}
"""SHA-256, its first 16 digits, of what each kernel makes of the inputs of `results`."""


def sample(*shape: int, span: float = 8.0) -> Tensor:
    """Float32 values between −span / 2 and span / 2 without order, made by whole numbers and one exact division."""
    i = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
    mixed = (i * i * np.uint64(2654435761) + i * np.uint64(40503)) >> np.uint64(7) & np.uint64((1 << 24) - 1)
    x = (mixed.astype(np.float32) / np.float32(1 << 24) - np.float32(0.5)) * np.float32(span)
    return torch.from_numpy(x.reshape(shape))


def results() -> dict[str, Callable[[], tuple[Tensor, ...]]]:
    """What each kernel makes of its fixed input; some results are subnormal."""
    row, wide, weight = sample(5, 75, span=40.0), sample(4, 300, span=240.0), sample(70, 75)
    keys, query = sample(2, 21, 2, 32), sample(2, 3, 4, 32)
    high = torch.tensor([[19, 20, 21], [1, 2, 21]])
    turn = rotation(10000.0, 16, torch.tensor([0, 5, 70000]))
    return {
        "exp": lambda: (exp(wide), exp(wide.double() * 5.5)),
        "log": lambda: (log(exp(wide)),),
        "tanh": lambda: (tanh(row),),
        "sigmoid": lambda: (sigmoid(wide),),
        "sin": lambda: (sin(wide * 1000),),
        "cos": lambda: (cos(wide * 1000),),
        "sqrt": lambda: (sqrt(wide.square()),),
        "softmax": lambda: (softmax(wide),),
        "log_softmax": lambda: (log_softmax(wide),),
        "logsumexp": lambda: (logsumexp(wide),),
        "entropy": lambda: (entropy_of_log_rows(log_softmax(row)),),
        "sum": lambda: (sum_last(wide),),
        "dot": lambda: (dot_last(wide, wide.flip(0)),),
        "product": lambda: (product(row, weight), product(row * 1e-20, weight * 1e-21)),
        "attend": lambda: (attend(query, keys, keys.flip(1), torch.tensor([[0, 3, 7], [0, 1, 2]]), high),),
        "rms": lambda: (rms(row, 0.7), rms(row * 1e-22)),
        "align": lambda: (align(query, *turn, sample(4)),),
        "rotation": lambda: turn,
    }


def digests() -> dict[str, str]:
    """What this machine computes, as `DIGESTS` has it."""
    return {name: _digest(make()) for name, make in results().items()}


def _digest(tensors: tuple[Tensor, ...]) -> str:
    joined = b"".join(tensor.numpy().astype(tensor.numpy().dtype.newbyteorder("<")).tobytes() for tensor in tensors)
    return hashlib.sha256(joined).hexdigest()[:16]


_TINY, _HALF = 2.2250738585072014e-308, 0.5


def keeps_subnormals() -> bool:
    """Whether this thread computes with numbers below the smallest normal one; a library may have told it not to."""
    return bool(_TINY * _HALF > 0.0)


@cache
def _differing() -> tuple[str, ...]:
    return tuple(name for name, digest in digests().items() if digest != DIGESTS.get(name))


def check_machine() -> None:
    """Compare what the kernels compute with what they must: all of it once a process, subnormal numbers each time.

    Raises:
        MachineError: this machine cannot repeat the arithmetic.
    """
    if not keeps_subnormals():
        raise MachineError(
            f"this machine cannot repeat the arithmetic {VERSION}: subnormal numbers are flushed to zero in this "
            "thread; leave out torch.set_flush_denormal(True), or what else set it"
        )
    if differing := _differing():
        raise MachineError(
            f"this machine cannot repeat the arithmetic {VERSION}: {', '.join(differing)} gave other bits than "
            "the definition; use another machine, or another version of numba"
        )
