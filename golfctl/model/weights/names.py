"""Public names: the unbanked per-layer names of checkpoints, artifacts and the reference programs.

Shapes: a bank is [B, O, I]; its slices [O, I] carry the names.
"""

from collections.abc import Callable, Mapping, Set

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
    "parameter_masks",
    "roles_by_name",
    "shapes_by_name",
]


def entries_of(model: LanguageModel) -> list[Entry]:
    """One entry per `nn.Parameter` of `model`."""
    return entries(model, model.declared)


def banks(model: LanguageModel) -> list[Entry]:
    """The banks [B, O, I] of `model`: what batched Newton–Schulz works on."""
    return [entry for entry in entries_of(model) if entry.banked]


def parameter_masks(model: LanguageModel, frozen: Set[int] | Callable[[str], bool]) -> dict[str, Tensor | None]:
    """What to multiply gradients and updates by so that frozen weights stay: by path in `named_parameters()`.

    `frozen` is a set of blocks, or a test of public names. None means wholly trainable, a mask of 0 and 1 (shape
    [B, 1, 1] for banks, [1] for wholly frozen others) what it says; slices of banks are frozen one by one.
    """
    masks: dict[str, Tensor | None] = {}
    for entry in entries_of(model):
        if callable(frozen):
            stays = [frozen(name) for name in entry.names]
        else:
            stays = [layer in frozen for layer in entry.layers]
        free = torch.tensor([not stay for stay in stays], dtype=entry.parameter.dtype, device=entry.parameter.device)
        masks[entry.path] = (free[:, None, None] if entry.banked else free) if any(stays) else None
    return masks


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
