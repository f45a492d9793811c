"""Weights to `int2-row/1` … `int8-row/1`: clip rule, optional GPTQ feedback, choice among the candidates.

B matrices of one shape, K clip candidates, R rows, C columns.
"""

import numpy as np
import torch
from torch import Tensor

from golfctl.errors import UsageError
from golfctl.quant.clip import candidate_scales, round_scales
from golfctl.quant.gptq import column_order, feedback_codes
from golfctl.quant.options import RowOptions, parse_clip
from golfctl.quant.rows import RowLayout
from golfctl.quant.stats import LayerStats, damped, hessian_error, inverse_factor
from golfctl.quant.tensor import QuantizedTensor
from golfctl.quant.threads import one_thread


def quantize_rows(
    layout: RowLayout, weight_RC: Tensor, stats: LayerStats | None, options: RowOptions
) -> QuantizedTensor:
    """Quantise one finite float32 matrix [R, C]; feedback needs `stats`, `choose_by = "hessian"` uses them if given.

    Raises:
        UsageError: GPTQ asked for without a Hessian. NumericsError: a scale overflows fp16, or a Hessian is not
        positive definite.
    """
    hessian_CC = None if stats is None else stats.product_CC
    raw_KR = candidate_scales(weight_RC, options.clip, layout.limit, options.scale_floor)
    scales_KR, raised = round_scales(raw_KR, weight_RC)
    if options.feedback == "gptq":
        if hessian_CC is None:
            raise UsageError("gptq needs calibration: give --calibration train or self, or take --quantizer gptq-lite")
        codes_KRC = _with_feedback(weight_RC, scales_KR, hessian_CC, options, layout.limit)
    else:
        divisor_KR = torch.where(raw_KR > 0, raw_KR, scales_KR) if options.unrounded_scale else scales_KR
        codes_KRC = torch.round(weight_RC / divisor_KR[:, :, None]).clamp_(-layout.limit, layout.limit)
    chosen_R = _choose(weight_RC, codes_KRC, scales_KR, hessian_CC, options)
    rows_R = torch.arange(weight_RC.shape[0], device=weight_RC.device)
    parts = {
        "codes": codes_KRC[chosen_R, rows_R].to(torch.int8).contiguous().cpu().numpy(),
        "scales": scales_KR[chosen_R, rows_R].cpu().numpy().astype(np.float16),
    }
    notes = (f"{raised} row scales underflow fp16 and were raised to 2^-24",) if raised else ()
    return QuantizedTensor(layout.scheme, tuple(weight_RC.shape), parts, notes)


def _with_feedback(weight_RC: Tensor, scales_KR: Tensor, moments_CC: Tensor, options: RowOptions, limit: int) -> Tensor:
    hessian_CC = damped(moments_CC, options.damping)
    order_C = column_order(hessian_CC, options.order)
    candidates = scales_KR.shape[0]
    with one_thread():
        factor_CC = inverse_factor(hessian_CC[order_C][:, order_C])
        codes_KRC = feedback_codes(
            weight_RC[:, order_C].expand(candidates, -1, -1), scales_KR, factor_CC.expand(candidates, -1, -1), limit
        )
    result_KRC = torch.empty_like(codes_KRC)
    result_KRC[:, :, order_C] = codes_KRC
    return result_KRC


def _choose(
    weight_RC: Tensor, codes_KRC: Tensor, scales_KR: Tensor, hessian_CC: Tensor | None, options: RowOptions
) -> Tensor:
    """Index of the chosen candidate for each row [R]: the same for all, or row by row."""
    rows = weight_RC.shape[0]
    if codes_KRC.shape[0] == 1:
        return torch.zeros(rows, dtype=torch.long, device=weight_RC.device)
    weigh_CC = hessian_CC if options.choose_by == "hessian" else None
    errors = []
    for codes_RC, scales_R in zip(codes_KRC, scales_KR, strict=True):
        delta_RC = weight_RC - codes_RC * scales_R[:, None]
        error_R = delta_RC.square().sum(dim=1) if weigh_CC is None else hessian_error(delta_RC, weigh_CC)
        errors.append(error_R.to(torch.float64))
    errors_KR = torch.stack(errors)
    if parse_clip(options.clip).rule == "percentile-row":
        return errors_KR.argmin(dim=0)
    return errors_KR.sum(dim=1).argmin().expand(rows)
