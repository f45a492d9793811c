"""Attention kernels of graphics processors: FlashAttention-3 where it is installed, torch's variable-length kernel.

Shapes: B batch, T positions, H query heads, K key-value heads, d head dimension. bf16 or fp16 on CUDA, T = S.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor

from golfctl.errors import DependencyError, UsageError
from golfctl.model.kernels.visible import Visible

# Looked up once, on import: compiled code cannot look for modules. torch's own costs a second, and needs CUDA.
_VARLEN: Any = importlib.import_module("torch.nn.attention.varlen") if torch.cuda.device_count() else None
try:
    _FLASH3: Any = importlib.import_module("flash_attn_interface")
    _FLASH3_FAULT = ""
except ModuleNotFoundError:
    _FLASH3, _FLASH3_FAULT = None, "it is not installed"
except (ImportError, OSError, RuntimeError) as error:  # a build for another torch or CUDA must not take golfctl down
    _FLASH3, _FLASH3_FAULT = None, f"it does not load ({str(error).partition(chr(10))[0]}): build it again"


def has_flash3(device: torch.device) -> bool:
    """Whether FlashAttention-3 is here and `device` is a Hopper processor."""
    return _FLASH3 is not None and torch.cuda.get_device_capability(device)[0] == 9


if torch.cuda.device_count():  # where nothing asks for it, not worth importing the compiler
    has_flash3 = torch.compiler.assume_constant_result(has_flash3)


def flash3_missing() -> str:
    """Why FlashAttention-3 is not here; empty when it is."""
    return _FLASH3_FAULT


def flash3(q_BTHd: Tensor, k_BTKd: Tensor, v_BTKd: Tensor, visible: Visible) -> Tensor:
    """FlashAttention-3 (arXiv 2407.08608), dense or by segments.

    Raises:
        DependencyError: it is not here. UsageError: not on CUDA.
    """
    _need_cuda("fa3", q_BTHd, k_BTKd)
    if _FLASH3 is None:
        raise DependencyError(
            f"attention back end 'fa3' needs the flash_attn_interface package (FlashAttention-3): {_FLASH3_FAULT}"
        )
    if visible.documents_BS is None:
        return _output(_FLASH3.flash_attn_func(q_BTHd, k_BTKd, v_BTKd, causal=True))
    bounds, longest = visible.starts(), q_BTHd.shape[1]
    q, k, v = (x.flatten(0, 1) for x in (q_BTHd, k_BTKd, v_BTKd))
    result = _FLASH3.flash_attn_varlen_func(q, k, v, bounds, bounds, longest, longest, causal=True)
    return _output(result).view_as(q_BTHd)


def varlen(q_BTHd: Tensor, k_BTKd: Tensor, v_BTKd: Tensor, visible: Visible) -> Tensor:
    """torch's variable-length flash attention: by segments where documents matter, else one per row.

    Raises:
        UsageError: not on CUDA.
    """
    _need_cuda("varlen", q_BTHd, k_BTKd)
    batch, length = q_BTHd.shape[:2]
    if visible.documents_BS is None:
        bounds = torch.arange(0, (batch + 1) * length, length, dtype=torch.int32, device=q_BTHd.device)
    else:
        bounds = visible.starts()
    q, k, v = (x.flatten(0, 1) for x in (q_BTHd, k_BTKd, v_BTKd))
    if q.shape[1] != k.shape[1]:  # key-value heads are repeated: not every torch we support shares them here
        k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for x in (k, v))
    return _output(_causal_varlen(q, k, v, bounds, length)).view_as(q_BTHd)


def _causal_varlen(q_NHd: Tensor, k_NHd: Tensor, v_NHd: Tensor, bounds: Tensor, longest: int) -> Any:
    """One call whose spelling of "causal" changed between torch releases."""
    causal: dict[str, Any] = {"window_size": (-1, 0)} if _WINDOWED else {"is_causal": True}
    return _VARLEN.varlen_attn(q_NHd, k_NHd, v_NHd, bounds, bounds, longest, longest, **causal)


_WINDOWED = _VARLEN is not None and "window_size" in _VARLEN.varlen_attn.__annotations__


def _output(result: Any) -> Tensor:
    output = result[0] if isinstance(result, tuple) else result
    assert isinstance(output, Tensor)
    return output


def _need_cuda(name: str, q_BTHd: Tensor, k_BSKd: Tensor) -> None:
    if not q_BTHd.is_cuda or q_BTHd.shape[1] != k_BSKd.shape[1]:
        raise UsageError(f"attention back end {name!r} is for whole sequences on CUDA; use 'auto' or 'sdpa'")
