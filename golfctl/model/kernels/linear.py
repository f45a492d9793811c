"""Products with weight matrices, by the faster of the two libraries that torch brings along.

Shapes: N rows, O outputs, I inputs.

torch takes BLAS for fp32 on CPUs. oneDNN multiplies large matrices 1.1 to 1.5 times as fast (AMD EPYC, one thread), and
gives a row the same bits in batches of any size and with any number of threads. For fp32 torch reaches it only through
an operator made for its compiler; where that is missing, BLAS does the work.
"""

from __future__ import annotations

import platform

import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl import arithmetic
from golfctl.model.kernels.either_arithmetic import in_portable

_X86 = platform.machine() in ("x86_64", "AMD64")
_ONEDNN = (
    getattr(torch.ops.mkldnn, "_linear_pointwise", None) if _X86 and torch.backends.mkldnn.is_available() else None
)
_SMALLEST = 2**23
"""Multiplications below which finding oneDNN's kernel costs more than it saves."""


def linear(x: Tensor, weight_OI: Tensor) -> Tensor:
    """x Wᵀ for x [..., I]. Without gradients, or within a function that makes its own, large fp32 products on CPUs take
    oneDNN; the choice depends on shapes alone. `weight_OI` may be a transposed view."""
    if in_portable():
        return arithmetic.product(x, weight_OI)
    if _ONEDNN is not None and _fits(x, weight_OI):
        y: Tensor = _ONEDNN(x, weight_OI, None, "none", [], "")
        return y
    return F.linear(x, weight_OI)


def _fits(x: Tensor, weight_OI: Tensor) -> bool:
    if not x.is_cpu or x.dtype != torch.float32 or weight_OI.dtype != torch.float32:
        return False
    if torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return False
    wanted = torch.is_grad_enabled() and (x.requires_grad or weight_OI.requires_grad)
    return not wanted and x.numel() * len(weight_OI) >= _SMALLEST
