"""What a component declares about each of its tensors, before anything is allocated."""

from dataclasses import dataclass

import torch

from golfctl.model.roles import Role
from golfctl.model.weights.init import Init


@dataclass(frozen=True)
class Weight:
    """One public tensor: its name in checkpoints and artifacts, its role, how it starts, and where it lives."""

    name: str
    shape: tuple[int, ...]
    role: Role
    init: Init
    layer: int | None = None
    """Block it belongs to; None outside the blocks."""
    bank: str | None = None
    """Bank of stacked matrices it is a slice of; None for a parameter of its own."""
    products: int = 0
    """How often a token is multiplied by it per pass: 1 for a matrix, 0 for a table or a gain."""

    @property
    def count(self) -> int:
        """Number of entries."""
        return torch.Size(self.shape).numel()
