"""What calibration knows about a matrix: second moments of its inputs, and of the loss gradient at its outputs.

R rows (outputs), C columns (inputs). With Δ the change of the weights, the second-order estimate of what it costs is
½ tr(G Δ H Δᵀ) nats per token: H the inputs' moments, G the gradients' (K-FAC: Martens & Grosse, arXiv 1503.05671).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from golfctl.errors import NumericsError


@dataclass(frozen=True)
class LayerStats:
    """Statistics of one matrix [R, C].

    hessian_CC: mean over calibration tokens of x xᵀ, undamped, float32. gradient: mean over tokens of g gᵀ [R, R], or
    of its diagonal alone [R] where R is large, g the gradient of the loss at the outputs; None where it was not
    collected. tokens: how many were seen. table: rows of the matrix are looked up, so that hessian_CC counts gradients
    at its columns; head_CC: the moments x xᵀ of the product such a matrix also has as tied head.
    """

    hessian_CC: Tensor
    gradient: Tensor | None = None
    tokens: int = 0
    table: bool = False
    head_CC: Tensor | None = None

    @property
    def product_CC(self) -> Tensor | None:
        """Moments of the inputs of the matrix product; None where there is none."""
        return self.head_CC if self.table else self.hessian_CC

    def on_host(self) -> "LayerStats":
        """The same in the host's memory."""
        gradient = None if self.gradient is None else self.gradient.cpu()
        head_CC = None if self.head_CC is None else self.head_CC.cpu()
        return replace(self, hessian_CC=self.hessian_CC.cpu(), gradient=gradient, head_CC=head_CC)


def hessian_error(delta_RC: Tensor, hessian_CC: Tensor) -> Tensor:
    """Per row r: δᵣ H δᵣᵀ, the expected squared error of that output (float32 [R])."""
    return ((delta_RC @ hessian_CC) * delta_RC).sum(dim=1)


def estimated_loss(delta_RC: Tensor, stats: LayerStats) -> float:
    """½ tr(G Δ H Δᵀ): nats per token that changing the weights by Δ is estimated to cost.

    Raises:
        ValueError: the statistics have no gradients.
    """
    if stats.gradient is None:
        raise ValueError("these statistics hold no gradients")
    product_RC = delta_RC @ stats.hessian_CC
    if stats.gradient.ndim == 1:
        return 0.5 * float((stats.gradient.double() * (product_RC * delta_RC).sum(dim=1).double()).sum())
    return 0.5 * float(((stats.gradient @ delta_RC) * product_RC).sum(dtype=torch.float64))


def damped(moments: Tensor, damping: float) -> Tensor:
    """Moments [X, X] (or their diagonal [X], made a matrix) in float64 with `damping` × mean diagonal added once.

    An input that never was active gets a unit diagonal, so that it neither takes nor gives feedback.

    Raises:
        NumericsError: NaN, Inf or a negative diagonal.
    """
    result_XX = torch.diag(moments.double()) if moments.ndim == 1 else moments.to(torch.float64, copy=True)
    diagonal_X = result_XX.diagonal()
    if not bool(torch.isfinite(result_XX).all()) or bool((diagonal_X < 0).any()):
        raise NumericsError("a Hessian holds NaN, infinity or a negative diagonal: the calibration run is broken")
    mean = float(diagonal_X.mean())
    diagonal_X.add_(damping * mean + (diagonal_X == 0) * (mean or 1.0))
    return result_XX


def upper_factor(moments_XX: Tensor) -> Tensor:
    """Upper triangular V with V Vᵀ = `moments_XX`; V⁻¹ is the upper Cholesky factor of the inverse.

    Raises:
        NumericsError: the moments are not positive definite even with their damping.
    """
    lower_XX, info = torch.linalg.cholesky_ex(moments_XX.flip(-2, -1))
    if bool((info != 0).any()):
        raise NumericsError(
            "a damped Hessian is not positive definite: raise the damping (pack.damping = 0.05) or calibrate on more"
            " tokens"
        )
    return lower_XX.flip(-2, -1)


def inverse_factor(moments_XX: Tensor) -> Tensor:
    """Upper Cholesky factor U of the inverse: M⁻¹ = Uᵀ U (float64), found without forming the inverse.

    Raises:
        NumericsError: as `upper_factor`.
    """
    upper_XX = upper_factor(moments_XX)
    identity = torch.eye(moments_XX.shape[-1], dtype=moments_XX.dtype, device=moments_XX.device)
    return torch.linalg.solve_triangular(upper_XX, identity.expand_as(upper_XX), upper=True)
