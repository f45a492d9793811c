"""What mixtures compute of whole rows, in the arithmetic at work: the libraries', or the portable one.

The libraries' forms go over a few rows at a time where that keeps them in the processor's cache. The portable forms
are the kernels of `golfctl.arithmetic` and single IEEE operations: a product, a sum, never both at once.

R rows, V vocabulary, S scorers.
"""

import numpy as np
import torch
from torch import Tensor

from golfctl import arithmetic
from golfctl.arithmetic.mode import is_portable

TINY = 1e-37
"""The least probability that is told from zero: float32 still holds it as a normal number."""
_STRIP = 128  # rows


def probabilities(rows_RV: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities [R, V] of log-probability rows, and the entropy of each row in nats [R]."""
    if is_portable():
        return arithmetic.exp(rows_RV), arithmetic.entropy_of_log_rows(rows_RV)
    p_RV, entropy_R = torch.empty_like(rows_RV), rows_RV.new_empty(len(rows_RV))
    for first in range(0, len(rows_RV), _STRIP):
        part = slice(first, first + _STRIP)
        torch.softmax(rows_RV[part], dim=-1, out=p_RV[part])  # of normalised rows their exp, twice as fast
        torch.sum(p_RV[part] * rows_RV[part], dim=-1, out=entropy_R[part])
    return p_RV, entropy_R.neg_()


def entropy(rows_RV: Tensor) -> Tensor:
    """Entropy of each row in nats, [R]."""
    return arithmetic.entropy_of_log_rows(rows_RV) if is_portable() else probabilities(rows_RV)[1]


def mixed_probabilities(logp: list[Tensor], weight_RS: Tensor) -> Tensor:
    """Π p_s^w_s / Z for S rows [R, V] and weights [R, S]; Z is the exact sum over the vocabulary."""
    z_RV = _weighted(logp, weight_RS)
    return arithmetic.softmax(z_RV) if is_portable() else torch.softmax(z_RV, dim=-1)


def mixed_rows(logp: list[Tensor], weight_RS: Tensor) -> Tensor:
    """The logarithm of the same."""
    z_RV = _weighted(logp, weight_RS)
    if is_portable():
        return arithmetic.log_softmax(z_RV)
    return z_RV.sub_(torch.logsumexp(z_RV, dim=-1, keepdim=True))


def _weighted(logp: list[Tensor], weight_RS: Tensor) -> Tensor:
    z_RV = logp[0] * weight_RS[:, :1]
    for s, row_RV in enumerate(logp[1:], start=1):
        if is_portable():
            z_RV += row_RV * weight_RS[:, s : s + 1]
        else:
            z_RV.addcmul_(row_RV, weight_RS[:, s : s + 1])
    return z_RV


def means(p_RV: Tensor, logp: list[Tensor]) -> Tensor:
    """E_p[log p_s], [R, S]."""
    if is_portable():
        return torch.stack([arithmetic.dot_last(p_RV, row_RV) for row_RV in logp], dim=1)
    return torch.stack([(p_RV * row_RV).sum(dim=-1) for row_RV in logp], dim=1)


def blend_to_logs(p_RV: Tensor, q_RV: Tensor, weight: Tensor) -> None:
    """Turn probabilities p into log((1 − weight) p + weight q), in place."""
    if is_portable():
        blend_RV = p_RV * (1 - weight) + q_RV * weight
        p_RV.copy_(arithmetic.log(blend_RV.clamp_min(TINY)))
        return
    p_RV.lerp_(q_RV, weight).clamp_min_(TINY)
    if p_RV.is_cpu:
        np.log(p_RV.numpy(), out=p_RV.numpy())  # of the accuracy of torch's, in half the time
    else:
        p_RV.log_()


def logs(p: Tensor) -> Tensor:
    """Natural logarithms of probabilities, in place where that is faster."""
    return arithmetic.log(p) if is_portable() else p.log_()


def blended_rows(p_RV: Tensor, q_RV: Tensor, weight_R1: Tensor) -> Tensor:
    """log((1 − weight) p + weight q) of log-probability rows, for any weight from 0 to 1."""
    if not is_portable():
        return torch.logaddexp(p_RV + torch.log1p(-weight_R1), q_RV + weight_R1.log())
    a_RV, b_RV = p_RV + arithmetic.log(1 - weight_R1), q_RV + arithmetic.log(weight_R1)
    top_RV = torch.maximum(a_RV, b_RV)
    return arithmetic.log(arithmetic.exp(a_RV - top_RV) + arithmetic.exp(b_RV - top_RV)).add_(top_RV)
