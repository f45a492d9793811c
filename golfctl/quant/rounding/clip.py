"""Row scales from clip rules, and their rounding to fp16.

K candidates, R rows, C columns.
"""

import torch
from torch import Tensor

from golfctl.errors import NumericsError
from golfctl.quant.scheme_options import PERCENTILES, parse_clip

_QUANTILE_LIMIT = 1 << 24  # torch.quantile refuses larger inputs
_SMALLEST = 2.0**-24  # smallest fp16 number above zero
_NEUTRAL = 2.0**-14  # scale of a row of zeros


def candidate_scales(weight_RC: Tensor, clip: str, limit: int, scale_floor: bool) -> Tensor:
    """Scales [K, R] before rounding, one row per candidate of the clip rule; K is 1 except for the percentile rules."""
    rule, value = parse_clip(clip)
    if rule == "sd":
        ranges_KR = (value or 0.0) * weight_RC.std(dim=1, correction=1 if weight_RC.shape[1] > 1 else 0)[None]
    elif rule == "max":
        ranges_KR = weight_RC.abs().amax(dim=1)[None]
    else:
        ranges_KR = _row_quantiles(weight_RC.abs(), PERCENTILES if value is None else (value,))
    scales_KR = ranges_KR / limit
    return scales_KR.clamp_min(1.0 / limit) if scale_floor else scales_KR


def round_scales(scales_KR: Tensor, weight_RC: Tensor) -> tuple[Tensor, int]:
    """Scales as fp16 holds them (in float32), and how many had to be raised because they underflow fp16.

    A row of zeros gets a neutral scale and does not count.

    Raises:
        NumericsError: a scale overflows fp16.
    """
    rounded_KR = scales_KR.to(torch.float16).to(torch.float32)
    if not bool(torch.isfinite(rounded_KR).all()):
        raise NumericsError(
            f"a row scale of {scales_KR.max().item():.3g} overflows fp16 (65,504): keep this tensor in fp32, "
            "or look for the weight that has run away"
        )
    zero_row_KR = (weight_RC.abs().amax(dim=1) == 0).expand_as(rounded_KR)
    underflow_KR = (rounded_KR == 0) & ~zero_row_KR
    rounded_KR = torch.where(underflow_KR, _SMALLEST, rounded_KR)
    rounded_KR = torch.where(zero_row_KR & (rounded_KR == 0), _NEUTRAL, rounded_KR)
    return rounded_KR, int(underflow_KR.any(dim=0).sum())


def _row_quantiles(magnitude_RC: Tensor, levels: tuple[float, ...]) -> Tensor:
    levels_K = torch.tensor(levels, dtype=magnitude_RC.dtype, device=magnitude_RC.device)
    rows = max(1, _QUANTILE_LIMIT // magnitude_RC.shape[1])
    pieces = [torch.quantile(piece, levels_K, dim=1) for piece in magnitude_RC.split(rows)]
    return torch.cat(pieces, dim=1)
