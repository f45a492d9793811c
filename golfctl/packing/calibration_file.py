"""Calibration statistics on disk: what training collected within its budget, for packing to use afterwards.

safetensors: `hessian.NAME` [C, C] and, where collected, `gradient.NAME` [R, R] or [R] and `head.NAME` [C, C], fp32; one
metadata key of canonical JSON with where the statistics come from, the tokens behind each and which are tables.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from golfctl.core.canonical import canonical_json
from golfctl.core.files import atomic_write
from golfctl.errors import CheckpointError, InputError
from golfctl.packing.calibration import Calibration
from golfctl.quant.stats import LayerStats

FORMAT = "golfctl-calibration/2"
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
        if stats.head_CC is not None:
            tensors[f"head.{name}"] = stats.head_CC.contiguous()
    header = {
        "format": FORMAT,
        "checkpoint_sha256": checkpoint_sha256,
        "source": calibration.source,
        "tokens": {name: stats.tokens for name, stats in calibration.stats.items()},
        "tables": sorted(name for name, stats in calibration.stats.items() if stats.table),
    }
    atomic_write(path, safetensors.torch.save(tensors, {_KEY: canonical_json(header).decode("utf-8")}))


class StoredStats(Mapping[str, LayerStats]):
    """Statistics in a file, each read when it is asked for: only those in use are in memory."""

    def __init__(self, path: Path, tokens: Mapping[str, int], tables: Collection[str]) -> None:
        """`tokens` behind each matrix, by name; which of them are tables."""
        self._path, self._tokens, self._tables = path, dict(tokens), frozenset(tables)

    def __getitem__(self, name: str) -> LayerStats:
        tokens = self._tokens[name]
        try:
            with safetensors.safe_open(self._path, framework="pt", device="cpu") as stream:
                held = set(stream.keys())
                keys = (f"gradient.{name}", f"head.{name}")
                gradient, head_CC = (stream.get_tensor(key) if key in held else None for key in keys)
                hessian_CC = stream.get_tensor(f"hessian.{name}")
                return LayerStats(hessian_CC, gradient, tokens, name in self._tables, head_CC)
        except (safetensors.SafetensorError, OSError) as error:
            raise CheckpointError(f"{self._path} holds no statistics of {name}: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def __len__(self) -> int:
        return len(self._tokens)


def read_calibration(path: Path, checkpoint_sha256: str) -> Calibration:
    """The statistics of the checkpoint with that digest.

    Raises:
        InputError: no such file. CheckpointError: damaged, of another format, or of another checkpoint.
    """
    calibration, digest = open_calibration(path)
    if digest != checkpoint_sha256:
        raise CheckpointError(f"{path} was collected for another checkpoint: calibrate again")
    return calibration


def open_calibration(path: Path) -> tuple[Calibration, str]:
    """The statistics in a file, read lazily, and the digest of the checkpoint they belong to.

    Raises:
        InputError: no such file. CheckpointError: damaged, or of another format.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as stream:
            header = json.loads((stream.metadata() or {})[_KEY])
            names = set(stream.keys())
        if header["format"] != FORMAT:
            raise CheckpointError(f"{path} has format {header['format']!r}; this version reads {FORMAT!r}")
        tokens = {str(name): int(count) for name, count in header["tokens"].items()}
        if missing := sorted(f"hessian.{name}" for name in tokens if f"hessian.{name}" not in names):
            raise CheckpointError(f"{path} lacks {missing[0]}: calibrate again")
        return Calibration(StoredStats(path, tokens, header["tables"]), dict(header["source"])), str(
            header["checkpoint_sha256"]
        )
    except (KeyError, TypeError, ValueError, AttributeError, safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is truncated or holds no calibration statistics: {error}") from error
