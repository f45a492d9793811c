"""Weights to `int2-row/1` … `int8-row/1`: clip rule, optional GPTQ feedback, choice among the candidates.

M matrices of one shape, K clip candidates, B = M·K, R rows, C columns.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from golfctl.errors import UsageError
from golfctl.quant.rounding.clip import candidate_scales, round_scales
from golfctl.quant.rounding.gptq import column_order, feedback_codes
from golfctl.quant.scheme_options import RowOptions, parse_clip
from golfctl.quant.schemes.rows import RowLayout
from golfctl.quant.stats import LayerStats, damped, hessian_error, inverse_factor
from golfctl.quant.tensor import QuantizedTensor
from golfctl.quant.threads import one_thread


def to_rows(
    layout: RowLayout, weights: Sequence[Tensor], stats: Sequence[LayerStats | None], options: RowOptions
) -> list[QuantizedTensor]:
    """Quantise finite float32 matrices of one shape [R, C], on the device they lie on; the codes are those of each
    alone. Feedback needs statistics, `choose_by = "hessian"` uses them if given.

    Raises:
        UsageError: GPTQ asked for without a Hessian. NumericsError: a scale overflows fp16, or a Hessian is not
        positive definite.
    """
    hessians = [None if one is None else one.product_CC for one in stats]
    raw = [candidate_scales(weight_RC, options.clip, layout.limit, options.scale_floor) for weight_RC in weights]
    rounded = [round_scales(raw_KR, weight_RC) for raw_KR, weight_RC in zip(raw, weights, strict=True)]
    scales = [scales_KR for scales_KR, _ in rounded]
    if options.feedback == "gptq":
        codes = _with_feedback(weights, scales, hessians, options, layout.limit)
    else:
        codes = [_rounded(*one, options, layout.limit) for one in zip(weights, raw, scales, strict=True)]
    return [
        _packed(layout, weight_RC, codes_KRC, scales_KR, hessian_CC, raised, options)
        for weight_RC, codes_KRC, (scales_KR, raised), hessian_CC in zip(weights, codes, rounded, hessians, strict=True)
    ]


def _rounded(weight_RC: Tensor, raw_KR: Tensor, scales_KR: Tensor, options: RowOptions, limit: int) -> Tensor:
    divisor_KR = torch.where(raw_KR > 0, raw_KR, scales_KR) if options.unrounded_scale else scales_KR
    return torch.round(weight_RC / divisor_KR[:, :, None]).clamp_(-limit, limit)


def _packed(
    layout: RowLayout,
    weight_RC: Tensor,
    codes_KRC: Tensor,
    scales_KR: Tensor,
    hessian_CC: Tensor | None,
    raised: int,
    options: RowOptions,
) -> QuantizedTensor:
    """The chosen candidate of one matrix."""
    chosen_R = _choose(weight_RC, codes_KRC, scales_KR, hessian_CC, options)
    rows_R = torch.arange(weight_RC.shape[0], device=weight_RC.device)
    parts = {
        "codes": codes_KRC[chosen_R, rows_R].to(torch.int8).contiguous().cpu().numpy(),
        "scales": scales_KR[chosen_R, rows_R].cpu().numpy().astype(np.float16),
    }
    notes = (f"{raised} row scales underflow fp16 and were raised to 2^-24",) if raised else ()
    return QuantizedTensor(layout.scheme, tuple(weight_RC.shape), parts, notes)


def _with_feedback(
    weights: Sequence[Tensor],
    scales: Sequence[Tensor],
    hessians: Sequence[Tensor | None],
    options: RowOptions,
    limit: int,
) -> list[Tensor]:
    """Codes [K, R, C] of each matrix: all candidates of all matrices in one batch."""
    orders, factors = [], []
    with one_thread():
        for weight_RC, moments_CC in zip(weights, hessians, strict=True):
            if moments_CC is None:
                raise UsageError(
                    "gptq needs calibration: give --calibration train or self, or take --quantizer gptq-lite"
                )
            hessian_CC = damped(moments_CC.to(weight_RC.device), options.damping)
            orders.append(column_order(hessian_CC, options.order))
            factors.append(inverse_factor(hessian_CC[orders[-1]][:, orders[-1]]).to(torch.float32))
        candidates = scales[0].shape[0]
        ordered_MRC = torch.stack([w[:, order_C] for w, order_C in zip(weights, orders, strict=True)])
        codes_BRC = feedback_codes(
            ordered_MRC.repeat_interleave(candidates, dim=0),
            torch.cat(list(scales)),
            torch.stack(factors).repeat_interleave(candidates, dim=0),
            limit,
        )
    natural = [torch.argsort(order_C) for order_C in orders]
    return [codes[:, :, back_C] for codes, back_C in zip(codes_BRC.split(candidates), natural, strict=True)]


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
        error_R = (
            delta_RC.square().sum(dim=1) if weigh_CC is None else hessian_error(delta_RC, weigh_CC.to(delta_RC.device))
        )
        errors.append(error_R.to(torch.float64))
    errors_KR = torch.stack(errors)
    if parse_clip(options.clip).rule == "percentile-row":
        return errors_KR.argmin(dim=0)
    return errors_KR.sum(dim=1).argmin().expand(rows)
