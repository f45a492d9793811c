"""Training state: everything a resumed run needs to continue bit for bit, in one safetensors file.

Tensors: `parameter.*` (live weights), `momentum.*` (Muon, whole banks), `adam.first.*`, `adam.second.*`,
`adam.step.*`, `average.*`. One metadata key holds canonical JSON: step, clock, tokens, loader position, digests.
Momentum is gathered, so a run may be resumed on another number of ranks.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
from pydantic import Field
from torch import Tensor

from golfctl.core.canonical import canonical_json
from golfctl.core.config import Config
from golfctl.core.files import atomic_write
from golfctl.core.text import printable
from golfctl.errors import CheckpointError, ConfigError
from golfctl.packing.checkpoint import read_safetensors

FORMAT = "golfctl-training-state/1"
_KEY = "golfctl"


class Position(Config):
    """Where a run stands, beside its tensors."""

    format: str = FORMAT
    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    average_count: int = 0
    recipe_digest: str = ""
    data_digest: str = ""
    loader: dict[str, Any] = Field(default_factory=dict)


class TrainingState(NamedTuple):
    """A position and the tensors that belong to it."""

    position: Position
    tensors: dict[str, Tensor]


def write_state(path: Path, state: TrainingState) -> None:
    """Write atomically.

    Raises:
        StorageError: the disk is full or refuses.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(state.tensors.items())}
    metadata = {_KEY: canonical_json(state.position.to_dict()).decode("utf-8")}
    atomic_write(path, safetensors.torch.save(tensors, metadata))


def read_state(path: Path) -> TrainingState:
    """Read a training state.

    Raises:
        CheckpointError: truncated, or not a training state of this version.
    """
    metadata, tensors = read_safetensors(path)
    try:
        position = Position.from_dict(json.loads(metadata[_KEY]), f"{path}: metadata")
    except (KeyError, ValueError, RecursionError, ConfigError) as error:
        raise CheckpointError(f"{path} is no training state: {error}") from error
    if position.format != FORMAT:
        raise CheckpointError(f"{path} has format {printable(position.format)!r}; this version resumes from {FORMAT!r}")
    return TrainingState(position, tensors)
