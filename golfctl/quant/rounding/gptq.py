"""GPTQ: round column by column and let the columns still to come absorb the error (Frantar et al., arXiv 2210.17323).

B matrices of one shape, R rows, C columns. The blocks are those of a binary recursion: after the left half of a span
is rounded, one matrix product carries its errors into the right half. Same sums as the usual blocks of 128, in log2(C)
passes over the matrix instead of C.
"""

import torch
from torch import Tensor


def column_order(hessian_CC: Tensor, order: str) -> Tensor:
    """Permutation [C]: by falling diagonal of the damped Hessian (`diagonal`), or as they stand (`natural`)."""
    if order == "natural":
        return torch.arange(hessian_CC.shape[0], device=hessian_CC.device)
    return torch.argsort(hessian_CC.diagonal(), descending=True, stable=True)


def feedback_codes(weight_BRC: Tensor, scales_BR: Tensor, factor_BCC: Tensor, limit: int | None) -> Tensor:
    """Codes [B, R, C] (float32 integers) that keep the Hessian-weighted error low.

    `factor_BCC` is the upper Cholesky factor of the inverse Hessian in the same column order (`stats.inverse_factor`);
    `limit` clamps codes to ±limit, None leaves them unbounded. Run it on one thread for the same codes everywhere.
    """
    work_BCR = weight_BRC.to(torch.float32).transpose(1, 2).contiguous()
    codes_BCR = torch.empty_like(work_BCR)
    pivot_BC = factor_BCC.diagonal(dim1=1, dim2=2).to(torch.float32)
    carry_BCC = factor_BCC.to(torch.float32).transpose(1, 2).contiguous()
    _round_span(work_BCR, codes_BCR, scales_BR, pivot_BC, carry_BCC, limit, 0, work_BCR.shape[1])
    return codes_BCR.transpose(1, 2)


def _round_span(
    work_BCR: Tensor,
    codes_BCR: Tensor,
    scales_BR: Tensor,
    pivot_BC: Tensor,
    carry_BCC: Tensor,
    limit: int | None,
    start: int,
    end: int,
) -> None:
    """Round columns start…end in place: `codes` gets the integers, `work` the errors divided by their pivots."""
    if end - start == 1:
        column_BR = work_BCR[:, start]
        code_BR = torch.round(column_BR / scales_BR)
        if limit is not None:
            code_BR = code_BR.clamp_(-limit, limit)
        codes_BCR[:, start] = code_BR
        work_BCR[:, start] = (column_BR - code_BR * scales_BR) / pivot_BC[:, start, None]
        return
    middle = start + (end - start + 1) // 2
    _round_span(work_BCR, codes_BCR, scales_BR, pivot_BC, carry_BCC, limit, start, middle)
    work_BCR[:, middle:end] -= carry_BCC[:, middle:end, start:middle] @ work_BCR[:, start:middle]
    _round_span(work_BCR, codes_BCR, scales_BR, pivot_BC, carry_BCC, limit, middle, end)
