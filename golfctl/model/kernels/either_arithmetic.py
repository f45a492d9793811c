"""Operations whose bits depend on the machine, in whichever arithmetic is chosen: the libraries' or the portable one.

Everything else that a forward pass does (single sums, products and quotients, comparisons, moves, integers) has the
same bits everywhere. Products, norms, rotation and attention choose likewise, in their own files.
"""

import torch
from torch import Tensor

from golfctl import arithmetic
from golfctl.arithmetic.mode import is_portable
from golfctl.errors import UsageError


def in_portable() -> bool:
    """Whether to compute portably. Compiled code never does, so that tracing it meets no context variable."""
    return not torch.compiler.is_compiling() and is_portable()


def check_portable(dtype: torch.dtype, device: torch.device) -> None:
    """Raise `UsageError` where portable arithmetic is chosen for a model that cannot compute in it."""
    if not in_portable():
        return
    if dtype != torch.float32:
        raise UsageError(f"portable arithmetic computes in float32, not {dtype}: use --dtype float32")
    if device.type != "cpu":
        raise UsageError(f"portable arithmetic computes on the CPU, not on {device}: use --device cpu")


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ)."""
    return arithmetic.sigmoid(x) if in_portable() else torch.sigmoid(x)


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return arithmetic.tanh(x) if in_portable() else torch.tanh(x)


def plus_product(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """x + a·b; libraries may round once, portable arithmetic rounds twice."""
    return x + a * b if in_portable() else torch.addcmul(x, a, b)


def minus_product(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """x − a·b; libraries may round once, portable arithmetic rounds twice."""
    return x - a * b if in_portable() else torch.addcmul(x, a, b, value=-1)


def blend(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """a + share·(b − a)."""
    return a + share * (b - a) if in_portable() else torch.lerp(a, b, share)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Σ a·b over the last dimension, which goes."""
    return arithmetic.dot_last(a, b) if in_portable() else torch.linalg.vecdot(a, b)


def square_length(x: Tensor) -> Tensor:
    """Σ x² over the last dimension, which stays."""
    if in_portable():
        return arithmetic.dot_last(x, x).unsqueeze(-1)
    return torch.linalg.vector_norm(x, dim=-1, keepdim=True).square()


def power(base: float, exponent: float) -> float:
    """base ** exponent."""
    return arithmetic.scalar_pow(base, exponent) if in_portable() else base**exponent
