"""From a model's logits to rows, in the arithmetic at work."""

import torch
from torch import Tensor

from golfctl import arithmetic
from golfctl.arithmetic.mode import is_portable


def log_rows(logits_RV: Tensor) -> Tensor:
    """Log-probability rows [R, V], float32, natural logarithm."""
    wide_RV = logits_RV.float()
    return arithmetic.log_softmax(wide_RV) if is_portable() else torch.log_softmax(wide_RV, dim=-1)
