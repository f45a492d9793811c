"""Two-sided feedback: the error of each weight is taken up by the rows and the columns still to be rounded.

R rows, C columns. GPTQ's feedback runs along the inputs alone; with the gradients' moments it runs along the outputs
too. With G = Bᴳ Dᴳ Bᴳᵀ and H = Bᴴ Dᴴ Bᴴᵀ (B unit upper triangular) the cost is

    tr(G Δ H Δᵀ) = Σ (P[r, c])² Dᴳ[r] Dᴴ[c],   P = Bᴳᵀ Δ Bᴴ

and rounding in order makes each P[r, c] the rounding error of one weight alone. So the step that costs the same
everywhere is proportional to 1/√(Dᴳ[r] Dᴴ[c]). (Tseng et al., arXiv 2505.22988, round both sides with such factors.)
"""

from typing import NamedTuple

import torch
from torch import Tensor

from golfctl.quant.stats import upper_factor

_SPAN = 32


class Side(NamedTuple):
    """One side's order, unit upper factor B and diagonal D; `carry` is None where rows do not depend on each other."""

    order_X: Tensor
    carry_XX: Tensor | None
    pivots_X: Tensor


def factor_side(moments_XX: Tensor) -> Side:
    """Order (falling diagonal), B and D of damped moments, in float64.

    Raises:
        NumericsError: not positive definite.
    """
    order_X = torch.argsort(moments_XX.diagonal(), descending=True, stable=True)
    upper_XX = upper_factor(moments_XX[order_X][:, order_X])
    pivots_X = upper_XX.diagonal()
    return Side(order_X, upper_XX / pivots_X, pivots_X.square())


def diagonal_side(diagonal_X: Tensor) -> Side:
    """The side of moments that are known by their diagonal alone: no feedback, natural order."""
    return Side(torch.arange(len(diagonal_X)), None, diagonal_X.double())


def two_sided_codes(
    weight_RC: Tensor, row_steps_R: Tensor, column_steps_C: Tensor, rows: Side, columns: Side
) -> Tensor:
    """Codes [R, C] (float32 integers), the step of a weight being its row's times its column's.

    Steps and weights are in natural order, on the CPU. Call it on one thread for the same codes everywhere.
    """
    weight_CR = weight_RC[rows.order_X][:, columns.order_X].T.to(torch.float32).contiguous()
    carry_RR = torch.empty(0, 0) if rows.carry_XX is None else rows.carry_XX
    state = _State(
        target_CR=weight_CR.clone(),
        weight_CR=weight_CR,
        step_R=row_steps_R[rows.order_X].to(torch.float32).contiguous(),
        step_C=column_steps_C[columns.order_X].to(torch.float32).contiguous(),
        carry_RR=carry_RR.to(torch.float32).contiguous(),
        carry_CC=(columns.carry_XX if columns.carry_XX is not None else torch.eye(len(weight_CR))).to(torch.float32),
        codes_CR=torch.empty_like(weight_CR),
        errors_CR=torch.empty_like(weight_CR),
    )
    _round_span(state, 0, len(weight_CR))
    codes_RC = torch.empty_like(weight_RC, dtype=torch.float32)
    codes_RC[rows.order_X[:, None], columns.order_X] = state.codes_CR.T
    return codes_RC


class _State(NamedTuple):
    target_CR: Tensor
    weight_CR: Tensor
    step_R: Tensor
    step_C: Tensor
    carry_RR: Tensor
    carry_CC: Tensor
    codes_CR: Tensor
    errors_CR: Tensor


def _round_span(state: _State, start: int, end: int) -> None:
    """Halve until a span is narrow; the left half's errors go into the right half by one matrix product."""
    if end - start <= _SPAN:
        _round_narrow(state, start, end)
        return
    middle = start + (end - start + 1) // 2
    _round_span(state, start, middle)
    carried = state.carry_CC[start:middle, middle:end].T @ state.errors_CR[start:middle]
    state.target_CR[middle:end] -= carried
    _round_span(state, middle, end)


def _round_narrow(state: _State, start: int, end: int) -> None:
    from golfctl.quant.rounding.feedback_loop import round_columns

    round_columns(
        state.target_CR[start:end].numpy(),
        state.weight_CR[start:end].numpy(),
        state.step_R.numpy(),
        state.step_C[start:end].numpy(),
        state.carry_RR.numpy(),
        state.carry_CC[start:end, start:end].contiguous().numpy(),
        state.codes_CR[start:end].numpy(),
        state.errors_CR[start:end].numpy(),
    )
