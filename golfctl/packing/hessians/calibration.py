"""Calibration: where tokens come from, and the statistics they give. Validation text cannot be asked for.

N sequences of T tokens.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from golfctl.core.canonical import sha256_bytes
from golfctl.core.progress import SILENT, Progress
from golfctl.data.dataset import Dataset
from golfctl.data.shards import read_shard
from golfctl.errors import CheckpointError, DataError, InputError
from golfctl.model.network import LanguageModel
from golfctl.model.weights.names import load_named_tensors
from golfctl.model.weights.new_model import empty_model
from golfctl.packing.checkpoint import Checkpoint, training_length
from golfctl.packing.hessians.generating import generate
from golfctl.packing.hessians.streaming import collect_streamed
from golfctl.packing.hessians.wording import CalibrationChoice
from golfctl.quant.stats import LayerStats

_HOST = torch.device("cpu")
_DEFAULT_LENGTH = 1024
_BATCH_TOKENS = 8192
HELD_OUT_TOKENS = 16384  # at the end of the training shards; never calibrated on


class Calibration(NamedTuple):
    """Statistics by tensor name, what they were collected on (`source` goes into the artifact's provenance), and the
    text itself, ids [N, T], where it is at hand."""

    stats: Mapping[str, LayerStats]
    source: dict[str, Any]
    ids_NT: Tensor | None = None


def calibrate(
    checkpoint: Checkpoint,
    choice: CalibrationChoice,
    data: Path | None,
    gradients: bool,
    seed: int,
    progress: Progress = SILENT,
    device: torch.device = _HOST,
) -> Calibration:
    """Collect statistics on training text of the dataset `data`, or on text that the model generates.

    The model runs on `device`; what is collected lies on the host.

    Raises:
        InputError: training text asked for without a dataset. DataError: too little of it, or another vocabulary.
    """
    model = model_of(checkpoint).to(device)
    length = sequence_length(checkpoint)
    sequences = max(1, choice.tokens // length)
    if choice.source == "self":
        ids_NT = generate(model, sequences, length, seed, progress=progress)
        source: dict[str, Any] = {"source": "self", "seed": seed}
    else:
        if data is None:
            raise InputError("calibration on training text needs the run's dataset: name it with --data DIR, or take"
                             " --calibration self")  # fmt: skip
        dataset = Dataset.open(data)
        ids_NT = training_windows(dataset, checkpoint.spec.vocab_size, sequences, length, seed)
        source = {"source": "train", "dataset": dataset.digest, "seed": seed}
    source |= {"tokens": ids_NT.numel(), "ids_sha256": sha256_bytes(ids_NT.numpy().astype("<u2").tobytes())}
    batch = max(1, _BATCH_TOKENS // length)
    return Calibration(collect_streamed(model, ids_NT, batch, gradients, seed, progress), source, ids_NT)


def model_of(checkpoint: Checkpoint) -> LanguageModel:
    """The checkpoint's network, in evaluation mode on the CPU."""
    model = empty_model(checkpoint.spec)
    load_named_tensors(model, checkpoint.tensors)
    model.eval()
    return model


def sequence_length(checkpoint: Checkpoint) -> int:
    """The length the model was trained at, where the checkpoint says so; CheckpointError where that is absurd."""
    return training_length(checkpoint.provenance, "the checkpoint", CheckpointError) or _DEFAULT_LENGTH


def training_windows(dataset: Dataset, vocab_size: int, sequences: int, length: int, seed: int) -> Tensor:
    """Windows [N, T] at seeded places of the training shards, short of the held-out end of the last one.

    Raises:
        DataError: the shards hold too little, or ids outside the model's vocabulary.
    """
    shards = [read_shard(path) for path in dataset.train_shards]
    ends = [len(shard) - (HELD_OUT_TOKENS if shard is shards[-1] else 0) for shard in shards]
    room_S = np.maximum(np.array(ends) - length + 1, 0)
    if room_S.sum() < sequences:
        raise DataError(f"{dataset.path}: too few training tokens for {sequences} windows of {length}: ask for less")
    starts_N = np.sort(np.random.default_rng(seed).choice(int(room_S.sum()), sequences, replace=False))
    bounds_S = np.cumsum(room_S)
    shard_N = np.searchsorted(bounds_S, starts_N, side="right")
    windows = [
        shards[s][start - (bounds_S[s] - room_S[s]) :][:length] for s, start in zip(shard_N, starts_N, strict=True)
    ]
    return _checked(np.stack(windows), vocab_size, dataset)


def held_out_windows(dataset: Dataset, vocab_size: int, length: int, tokens: int = HELD_OUT_TOKENS) -> Tensor:
    """Windows [N, T] from the end of the last training shard: training text that calibration does not see."""
    shard = read_shard(dataset.train_shards[-1])
    count = min(tokens, len(shard)) // length
    if count < 1:
        raise DataError(f"{dataset.path}: the last training shard is shorter than one window of {length} tokens")
    return _checked(np.asarray(shard[len(shard) - count * length :]).reshape(count, length), vocab_size, dataset)


def _checked(ids_NT: np.ndarray, vocab_size: int, dataset: Dataset) -> Tensor:
    if ids_NT.max() >= vocab_size:
        raise DataError(f"{dataset.path}: token {ids_NT.max()} is beyond the model's vocabulary of {vocab_size:,}")
    return torch.from_numpy(ids_NT.astype(np.int64))
