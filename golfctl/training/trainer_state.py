"""A trainer's state: everything that it needs to continue bit for bit, taken out of it and put back.

Momentum is gathered and given out again, so the number of ranks may change in between.
"""

import torch
from torch import Tensor

from golfctl.errors import CheckpointError
from golfctl.training.run.state import Position, TrainingState
from golfctl.training.trainer import Trainer

_ADAM_PARTS = {"first": "exp_avg", "second": "exp_avg_sq", "step": "step"}


def state_of(trainer: Trainer, seconds: float) -> TrainingState:
    """The state after `seconds` of training clock (a collective when there are several ranks)."""
    position = Position(
        step=trainer.steps_done,
        seconds=seconds,
        tokens=trainer.tokens,
        average_count=trainer.average.count,
        recipe_digest=trainer.setup.digest,
        data_digest=trainer.setup.dataset.digest,
        loader=trainer.loader.state(),
    )
    return TrainingState(position, _tensors(trainer))


def snapshot(trainer: Trainer) -> TrainingState:
    """A state of its own memory, to `restore` later in this process."""
    position, tensors = state_of(trainer, 0.0)
    return TrainingState(position, {name: tensor.clone() for name, tensor in tensors.items()})


def restore(trainer: Trainer, state: TrainingState, where: str) -> None:
    """Continue from `state`, which came from `where`.

    Raises:
        CheckpointError: it belongs to another recipe, other data, or lacks a tensor.
    """
    position, tensors = state
    if position.recipe_digest != trainer.setup.digest:
        raise CheckpointError(f"{where} was written under other settings than this recipe's; resume with its own")
    if position.data_digest != trainer.setup.dataset.digest:
        raise CheckpointError(f"{where} was trained on other data than {trainer.setup.dataset.path}")
    for name, target in _whole(trainer).items():
        if name not in tensors:
            raise CheckpointError(f"{where} lacks {name}")
        if tensors[name].shape != target.shape:
            raise CheckpointError(f"{where}: {name} has shape {list(tensors[name].shape)}, not {list(target.shape)}")
    try:
        _restore_tensors(trainer, tensors)
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{where} lacks a tensor, or has one of another shape: {error}") from error
    trainer.average.count = position.average_count
    trainer.loader.restore(position.loader)
    trainer.steps_done = position.step


def _whole(trainer: Trainer) -> dict[str, Tensor]:
    """Tensors of the state that live in every process whole, by their name in the file; views, not copies."""
    tensors = {f"parameter.{name}": p.data for name, p in trainer.parameters.items()}
    if trainer.setup.train.average.kind != "none":
        averages = zip(trainer.parameters, trainer.average.values, strict=True)
        tensors |= {f"average.{name}": value for name, value in averages}
    return tensors


def _paths(trainer: Trainer) -> dict[int, str]:
    return {id(p): name for name, p in trainer.parameters.items()}


def _tensors(trainer: Trainer) -> dict[str, Tensor]:
    path, tensors = _paths(trainer), _whole(trainer)
    if muon := trainer.optimizers.muon:
        momenta = zip(muon.banks, muon.gathered_momentum(), strict=True)
        tensors |= {f"momentum.{path[id(p)]}": momentum for p, momentum in momenta}
    if adam := trainer.optimizers.adam:
        for p, state in adam.state.items():
            tensors |= {f"adam.{part}.{path[id(p)]}": state[key] for part, key in _ADAM_PARTS.items()}
    return tensors


def _restore_tensors(trainer: Trainer, tensors: dict[str, Tensor]) -> None:
    for name, target in _whole(trainer).items():
        target.copy_(tensors[name])
    path = _paths(trainer)
    if muon := trainer.optimizers.muon:
        muon.restore_momentum([tensors[f"momentum.{path[id(p)]}"] for p in muon.banks])
    if adam := trainer.optimizers.adam:
        for p, fused in ((p, entry["fused"]) for entry in adam.param_groups for p in entry["params"]):
            names = {key: f"adam.{part}.{path[id(p)]}" for part, key in _ADAM_PARTS.items()}
            adam.state.pop(p, None)
            if names["step"] not in tensors:
                continue  # the state is from before AdamW's first step
            held = {key: tensors[name] for key, name in names.items()}
            if any(tensor.shape != (() if key == "step" else p.shape) for key, tensor in held.items()):
                raise ValueError(f"AdamW's moments of {path[id(p)]}")
            adam.state[p] = placed_moments(held, p, fused)


def placed_moments(saved: dict[str, Tensor], parameter: Tensor, fused: bool) -> dict[str, Tensor]:
    """Copies of `saved` where AdamW keeps them: beside the parameter, but for the step counter unless it is fused."""
    host = torch.device("cpu")
    return {
        key: tensor.to(host if key == "step" and not fused else parameter.device, copy=True)
        for key, tensor in saved.items()
    }
