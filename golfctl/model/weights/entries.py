"""Every parameter of a model as the optimizer sees it, with the public names, roles and blocks of what it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from golfctl.model.component import public_name
from golfctl.model.roles import Role
from golfctl.model.weights.weight import Weight


@dataclass(frozen=True)
class Entry:
    """One `nn.Parameter`: a public tensor of its own, or a bank whose slices along axis 0 are public tensors."""

    path: str
    """Name in `named_parameters()`."""
    parameter: nn.Parameter
    role: Role
    names: tuple[str, ...]
    """Public names: one, or one per slice."""
    layers: tuple[int | None, ...]
    """Block of each name; None outside the blocks."""
    banked: bool


def entries(model: nn.Module, declared: Sequence[Weight]) -> list[Entry]:
    """One entry per parameter, banks first; every declared weight belongs to exactly one."""
    by_bank: dict[str, list[Weight]] = {}
    by_name = {weight.name: weight for weight in declared if weight.bank is None}
    for weight in declared:
        if weight.bank is not None:
            by_bank.setdefault(weight.bank, []).append(weight)
    result = []
    for path, parameter in model.named_parameters():
        banked = path.startswith("banks.")
        weights = by_bank.pop(path.removeprefix("banks.")) if banked else [by_name.pop(public_name(path))]
        names, layers = tuple(w.name for w in weights), tuple(w.layer for w in weights)
        result.append(Entry(path, parameter, weights[0].role, names, layers, banked))
    assert not by_bank and not by_name, "a declared weight has no parameter"
    return result
