"""Which statistics a packing uses: those that training left beside its checkpoint, or fresh ones; and why."""

import time
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from golfctl.core.canonical import sha256_file
from golfctl.core.progress import SILENT, Progress
from golfctl.data.dataset import Dataset
from golfctl.packing.checkpoint import Checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.hessians.calibration import Calibration, calibrate, sequence_length, training_windows
from golfctl.packing.hessians.from_training import calibration_path, open_calibration

_NONE = Calibration({}, {"source": "none"})


class Calibrated(NamedTuple):
    """Statistics, the seconds that collecting them took (0 where training had done it), and a note of the choice."""

    calibration: Calibration
    seconds: float
    notes: tuple[str, ...] = ()


def statistics_for(
    path: Path, checkpoint: Checkpoint, config: PackConfig, data: Path | None, progress: Progress = SILENT
) -> Calibrated:
    """Statistics of the checkpoint at `path` as `config` asks; `data` is the run's dataset.

    A file of statistics beside the checkpoint is used where it is what was asked for, else it is said why not.

    Raises:
        CheckpointError: a damaged file of statistics. InputError, DataError: as `calibrate`.
    """
    choice = config.calibration_choice
    if choice.source == "none":
        return Calibrated(_NONE, 0.0)
    stored, note = calibration_path(path), None
    if choice.source == "train" and stored != path and stored.is_file():
        calibration, digest = open_calibration(stored)
        reason = _unfit(calibration, digest, sha256_file(path), config, sequence_length(checkpoint))
        if reason is None:
            found = calibration._replace(ids_NT=_windows(calibration, checkpoint, data))
            return Calibrated(found, 0.0, (f"statistics of training used: {stored.name}",))
        note = f"{stored.name} {reason}: calibrated again"
    start = time.perf_counter()
    calibration = calibrate(checkpoint, choice, data, config.gradients, config.seed, progress)
    return Calibrated(calibration, time.perf_counter() - start, (note,) if note else ())


def _unfit(
    calibration: Calibration, digest: str, checkpoint_digest: str, config: PackConfig, length: int
) -> str | None:
    """Why stored statistics are not those that `config` asks for."""
    if digest != checkpoint_digest:
        return "was collected for another checkpoint"
    if config.gradients and all(stats.gradient is None for stats in calibration.stats.values()):
        return "holds no gradients"
    source = calibration.source
    if source.get("seed") != config.seed:
        return f"was collected with seed {source.get('seed')}, not {config.seed}"
    asked = max(1, config.calibration_choice.tokens // length) * length
    if ":" in (config.calibration or "") and source.get("tokens") != asked:
        return f"saw {source.get('tokens', 0):,} tokens, not the {asked:,} of {config.calibration}"
    return None


def _windows(calibration: Calibration, checkpoint: Checkpoint, data: Path | None) -> Tensor | None:
    """The text that stored statistics were collected on, drawn again; None without the dataset."""
    if data is None:
        return None
    length = sequence_length(checkpoint)
    count = max(1, int(calibration.source["tokens"]) // length)
    seed = int(calibration.source["seed"])
    return training_windows(Dataset.open(data), checkpoint.spec.vocab_size, count, length, seed)
