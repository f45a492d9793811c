"""Calibration statistics on disk: what training collected within its budget, for packing to use afterwards.

safetensors: `hessian.NAME` [C, C] and, where collected, `gradient.NAME` [R, R] or [R], fp32; one metadata key of
canonical JSON with where the statistics come from and the tokens behind each.
"""

import json
from pathlib import Path

import safetensors.torch
from torch import Tensor

from golfctl.core.canonical import canonical_json
from golfctl.core.files import atomic_write
from golfctl.errors import CheckpointError
from golfctl.packing.calibration import Calibration
from golfctl.packing.checkpoint import read_safetensors
from golfctl.quant.stats import LayerStats

FORMAT = "golfctl-calibration/1"
_KEY = "golfctl"


def calibration_path(checkpoint: Path) -> Path:
    """Where the statistics of `checkpoint-N.safetensors` lie: `calibration-N.safetensors` beside it."""
    return checkpoint.with_name(checkpoint.name.replace("checkpoint-", "calibration-", 1))


def write_calibration(path: Path, calibration: Calibration, checkpoint_sha256: str) -> None:
    """Write atomically; the statistics belong to the checkpoint with that digest and to no other.

    Raises:
        StorageError: the disk refuses.
    """
    tensors: dict[str, Tensor] = {}
    for name, stats in sorted(calibration.stats.items()):
        tensors[f"hessian.{name}"] = stats.hessian_CC.contiguous()
        if stats.gradient is not None:
            tensors[f"gradient.{name}"] = stats.gradient.contiguous()
    header = {
        "format": FORMAT,
        "checkpoint_sha256": checkpoint_sha256,
        "source": calibration.source,
        "tokens": {name: stats.tokens for name, stats in calibration.stats.items()},
    }
    atomic_write(path, safetensors.torch.save(tensors, {_KEY: canonical_json(header).decode("utf-8")}))


def read_calibration(path: Path, checkpoint_sha256: str) -> Calibration:
    """Read the statistics of the checkpoint with that digest.

    Raises:
        InputError: no such file. CheckpointError: damaged, of another format, or of another checkpoint.
    """
    metadata, tensors = read_safetensors(path)
    try:
        header = json.loads(metadata[_KEY])
        if header["format"] != FORMAT:
            raise CheckpointError(f"{path} has format {header['format']!r}; this version reads {FORMAT!r}")
        if header["checkpoint_sha256"] != checkpoint_sha256:
            raise CheckpointError(f"{path} was collected for another checkpoint: calibrate again")
        stats = {
            name: LayerStats(tensors[f"hessian.{name}"], tensors.get(f"gradient.{name}"), int(tokens))
            for name, tokens in header["tokens"].items()
        }
        return Calibration(stats, dict(header["source"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} holds no calibration statistics: {error}") from error
