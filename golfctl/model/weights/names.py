"""Public names: the unbanked per-layer names of checkpoints, artifacts and the reference programs.

Shapes: a bank is [B, O, I]; its slices [O, I] carry the names.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from golfctl.core.table import suggestion
from golfctl.errors import CheckpointError
from golfctl.model.network import LanguageModel
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec, declared_weights
from golfctl.model.weights.entries import Entry, entries

__all__ = [
    "Entry",
    "banks",
    "entries_of",
    "load_named_tensors",
    "named_tensors",
    "roles_by_name",
    "shapes_by_name",
]


def entries_of(model: LanguageModel) -> list[Entry]:
    """One entry per `nn.Parameter` of `model`."""
    return entries(model, model.declared)


def banks(model: LanguageModel) -> list[Entry]:
    """The banks [B, O, I] of `model`: what batched Newton–Schulz works on."""
    return [entry for entry in entries_of(model) if entry.banked]


def named_tensors(model: LanguageModel) -> dict[str, Tensor]:
    """Every public tensor by name, in the order of declaration, as detached views of the parameters."""
    found: dict[str, Tensor] = {}
    for entry in entries_of(model):
        tensor = entry.parameter.detach()
        found.update(zip(entry.names, tensor.unbind(0) if entry.banked else [tensor], strict=True))
    return {weight.name: found[weight.name] for weight in model.declared}


def load_named_tensors(model: LanguageModel, tensors: Mapping[str, Tensor]) -> None:
    """Copy `tensors` into `model`, converting dtypes; names and shapes must be exactly the model's.

    Raises:
        CheckpointError: a tensor is missing, unknown or of another shape.
    """
    own = named_tensors(model)
    for name in tensors:
        if name not in own:
            raise CheckpointError(f"tensor {name!r} has no place in this model{suggestion(name, list(own))}")
    for name, target in own.items():
        if name not in tensors:
            raise CheckpointError(f"tensor {name!r} is missing; this model needs it with shape {list(target.shape)}")
        if tensors[name].shape != target.shape:
            found = list(tensors[name].shape)
            raise CheckpointError(f"tensor {name!r} has shape {found}; this model needs {list(target.shape)}")
    with torch.no_grad():
        for name, target in own.items():
            target.copy_(tensors[name])


def roles_by_name(spec: ModelSpec) -> dict[str, Role]:
    """Role of every public tensor; nothing is allocated."""
    return {weight.name: weight.role for weight in declared_weights(spec)}


def shapes_by_name(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Shape of every public tensor; nothing is allocated."""
    return {weight.name: weight.shape for weight in declared_weights(spec)}
