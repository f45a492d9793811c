"""Attention kernels of graphics processors: FlashAttention-3 where it is installed, torch's variable-length kernel.

Shapes: B batch, T positions, H query heads, K key-value heads, d head dimension. bf16 or fp16 on CUDA, T = S.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from golfctl.errors import DependencyError, UsageError

if TYPE_CHECKING:
    from golfctl.model.backends import Visible


@functools.cache
def has_flash3(device: torch.device) -> bool:
    """Whether FlashAttention-3 is installed and `device` is a Hopper processor."""
    return importlib.util.find_spec("flash_attn_interface") is not None and (
        torch.cuda.get_device_capability(device)[0] == 9
    )


def flash3(q_BTHd: Tensor, k_BTKd: Tensor, v_BTKd: Tensor, visible: Visible) -> Tensor:
    """FlashAttention-3 (arXiv 2407.08608), dense or by segments.

    Raises:
        DependencyError: it is not installed. UsageError: not on CUDA.
    """
    _need_cuda("fa3", q_BTHd, k_BTKd)
    if importlib.util.find_spec("flash_attn_interface") is None:
        raise DependencyError("attention back end 'fa3' needs the flash_attn_interface package (FlashAttention-3)")
    library = importlib.import_module("flash_attn_interface")
    if visible.documents_BS is None:
        return _output(library.flash_attn_func(q_BTHd, k_BTKd, v_BTKd, causal=True))
    bounds, longest = visible.starts(), q_BTHd.shape[1]
    q, k, v = (x.flatten(0, 1) for x in (q_BTHd, k_BTKd, v_BTKd))
    result = library.flash_attn_varlen_func(q, k, v, bounds, bounds, longest, longest, causal=True)
    return _output(result).view_as(q_BTHd)


def varlen(q_BTHd: Tensor, k_BTKd: Tensor, v_BTKd: Tensor, visible: Visible) -> Tensor:
    """torch's variable-length flash attention: by segments where documents matter, else one per row.

    Raises:
        DependencyError: this torch has none that shares key-value heads. UsageError: not on CUDA.
    """
    _need_cuda("varlen", q_BTHd, k_BTKd)
    from torch.nn.attention import varlen as library

    batch, length = q_BTHd.shape[:2]
    if visible.documents_BS is None:
        bounds = torch.arange(0, (batch + 1) * length, length, dtype=torch.int32, device=q_BTHd.device)
    else:
        bounds = visible.starts()
    q, k, v = (x.flatten(0, 1) for x in (q_BTHd, k_BTKd, v_BTKd))
    grouped: dict[str, Any] = {"enable_gqa": True} if q.shape[1] != k.shape[1] else {}
    try:
        result = library.varlen_attn(q, k, v, bounds, bounds, length, length, window_size=(-1, 0), **grouped)
    except TypeError as error:
        raise DependencyError(
            "attention back end 'varlen' needs a newer torch (with causal windows and enable_gqa in varlen_attn); "
            "use 'sdpa' with this one"
        ) from error
    return _output(result).view_as(q_BTHd)


def _output(result: Any) -> Tensor:
    output = result[0] if isinstance(result, tuple) else result
    assert isinstance(output, Tensor)
    return output


def _need_cuda(name: str, q_BTHd: Tensor, k_BSKd: Tensor) -> None:
    if not q_BTHd.is_cuda or q_BTHd.shape[1] != k_BSKd.shape[1]:
        raise UsageError(f"attention back end {name!r} is for whole sequences on CUDA; use 'auto' or 'sdpa'")
