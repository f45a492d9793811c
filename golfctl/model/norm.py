"""Root-mean-square norm without weights (arXiv 1910.07467)."""

import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = float(torch.finfo(torch.float32).eps)
"""The same in every dtype: torch's default of the dtype's own epsilon would swamp small embeddings in bf16."""


def rms(x: Tensor) -> Tensor:
    """x / √(mean(x²) + ε) over the last dimension."""
    return F.rms_norm(x, (x.shape[-1],), eps=EPSILON)
