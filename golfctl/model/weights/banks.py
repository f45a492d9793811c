"""Banks: matrices of one shape stacked in one 3-D parameter, so that the optimizer orthogonalises them in one batch.

Shapes: B slices, O rows (outputs), I columns (inputs).

A bank is a layout of the forward pass and the optimizer alone: checkpoints and artifacts know its slices by their
public names. The forward unbinds each bank once; indexing it in a loop would make autograd write a whole bank of zeros
per use.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from golfctl.model.kernels.products import Slot, unbind
from golfctl.model.weights.weight import Weight

WeightMap = Callable[[str, Tensor], Tensor]
"""(bank or weight name, masters [B, O, I] or [O, I]) -> what the forward pass uses instead, of the same shape."""


def bank_layout(weights: Sequence[Weight]) -> dict[str, list[Weight]]:
    """Banked weights by bank, slices in the order of declaration; all of one bank must have one shape and role."""
    layout: dict[str, list[Weight]] = {}
    for weight in weights:
        if weight.bank is not None:
            layout.setdefault(weight.bank, []).append(weight)
    for name, slices in layout.items():
        if len({(weight.shape, weight.role) for weight in slices}) != 1:
            raise ValueError(f"bank {name} mixes shapes or roles")
    return layout


class Matrices(NamedTuple):
    """Matrices by public name, ready for products; slices of banks also have a slot for their gradient."""

    weights: dict[str, Tensor]
    slots: dict[str, Slot]


class Banks(nn.Module):
    """All banks of a model, as parameters `qo`, `kv`, `mlp_up`, `mlp_down` and what parts add."""

    def __init__(self, weights: Sequence[Weight]) -> None:
        super().__init__()
        self.names: dict[str, tuple[str, ...]] = {}
        for bank, slices in bank_layout(weights).items():
            self.names[bank] = tuple(weight.name for weight in slices)
            self.register_parameter(bank, nn.Parameter(torch.empty((len(slices), *slices[0].shape))))

    def matrices(self, dtype: torch.dtype, weight_map: WeightMap | None = None) -> Matrices:
        """Every slice [O, I] by public name, cast to `dtype` bank by bank, with its slot."""
        result = Matrices({}, {})
        for bank, names in self.names.items():
            weight = self.get_parameter(bank)
            mapped = weight_map(bank, weight) if weight_map else weight
            slices, slots = unbind(mapped.to(dtype))
            result.weights.update(zip(names, slices, strict=True))
            result.slots.update(zip(names, slots, strict=False))
        return result
