"""Averages of the weights over training: exponential (EMA) and equal (SWA), in fp32 or wider, by foreach."""

from collections.abc import Sequence

import torch
from torch import Tensor


class WeightAverage:
    """Running averages of some parameters; `values` are in the order of the parameters given, `count` is the number of
    updates: with both set, an average goes on from a saved state.

    Args:
        decay: None for an equal average of the snapshots (SWA), else the EMA factor ρ in e ← ρe + (1−ρ)w.
        warm: an EMA takes min(ρ, (1+t)/(10+t)) at its t-th update, so that a short run forgets its initial weights.
    """

    def __init__(self, parameters: Sequence[Tensor], decay: float | None, warm: bool = False) -> None:
        self._parameters = list(parameters)
        self.decay, self.warm = decay, warm
        self.count = 0
        self.values = [_wide(p.detach()).clone() for p in self._parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take the parameters as they are now into the average."""
        self.count += 1
        if self.decay is None:
            weight = 1.0 / self.count
        else:
            weight = 1.0 - min(self.decay, (1 + self.count) / (10 + self.count) if self.warm else 1.0)
        torch._foreach_lerp_(self.values, [_wide(p.detach()) for p in self._parameters], weight)


def _wide(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
