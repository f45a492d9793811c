"""What calibration knows about a layer: second moments of its inputs, and of the loss gradient at its outputs."""

from dataclasses import dataclass

import torch
from torch import Tensor

from golfctl.errors import NumericsError


@dataclass(frozen=True)
class LayerStats:
    """Statistics of one matrix [R, C].

    hessian_CC: mean over calibration tokens of x xᵀ, undamped, float32. gradient_R: mean over tokens of the squared
    gradient of the loss at each output, or None where it was not collected. tokens: how many were seen.
    """

    hessian_CC: Tensor
    gradient_R: Tensor | None = None
    tokens: int = 0


def hessian_error(delta_RC: Tensor, hessian_CC: Tensor) -> Tensor:
    """Per row r: δᵣ H δᵣᵀ, the expected squared error of that output (float32 [R])."""
    return ((delta_RC @ hessian_CC) * delta_RC).sum(dim=1)


def damped(hessian_CC: Tensor, damping: float) -> Tensor:
    """The Hessian in float64 with `damping` × mean diagonal added once.

    A dead input (never active in calibration) gets a unit diagonal, so that it neither takes nor gives feedback.

    Raises:
        NumericsError: NaN, Inf or a negative diagonal.
    """
    hessian_CC = hessian_CC.to(torch.float64)
    diagonal_C = hessian_CC.diagonal()
    if not bool(torch.isfinite(hessian_CC).all()) or bool((diagonal_C < 0).any()):
        raise NumericsError("a Hessian holds NaN, infinity or a negative diagonal: the calibration run is broken")
    dead_C = diagonal_C == 0
    mean = float(diagonal_C.mean())
    result_CC = hessian_CC.clone()
    result_CC.diagonal().add_(damping * mean + dead_C * (mean or 1.0))
    return result_CC


def inverse_factor(hessian_CC: Tensor) -> Tensor:
    """Upper Cholesky factor U of the inverse Hessian: H⁻¹ = Uᵀ U (float64, on the Hessian's device).

    Computed without forming the inverse: flip(H) = L Lᵀ gives H = V Vᵀ with V upper triangular, and U = V⁻¹.

    Raises:
        NumericsError: the Hessian is not positive definite even with its damping.
    """
    lower_CC, info = torch.linalg.cholesky_ex(hessian_CC.flip(-2, -1))
    if bool((info != 0).any()):
        raise NumericsError(
            "a damped Hessian is not positive definite: raise the damping (pack.damping = 0.05) or calibrate on more"
            " tokens"
        )
    upper_CC = lower_CC.flip(-2, -1)
    identity = torch.eye(hessian_CC.shape[-1], dtype=hessian_CC.dtype, device=hessian_CC.device)
    return torch.linalg.solve_triangular(upper_CC, identity.expand_as(upper_CC), upper=True)
