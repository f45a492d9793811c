"""Calibration on the training clock: one budget for everything that touches training data (PR #529)."""

import time
from pathlib import Path

from golfctl.core.canonical import sha256_file
from golfctl.core.progress import SILENT, Progress
from golfctl.packing.checkpoint import Checkpoint, read_checkpoint
from golfctl.packing.hessians.calibration import Calibration, calibrate, sequence_length
from golfctl.packing.hessians.from_training import calibration_path, write_calibration
from golfctl.packing.hessians.wording import CalibrationChoice, parse_calibration
from golfctl.training.setup import Setup

_SAMPLE_SHARE = 8
_MARGIN = 1.3


def calibration_choice(setup: Setup) -> CalibrationChoice:
    """What `train.calibration` asks for; source "none" for nothing."""
    return parse_calibration(setup.train.calibration)


def measure_calibration(setup: Setup, checkpoint: Checkpoint, progress: Progress = SILENT) -> float:
    """Seconds that collecting will take, from a sample an eighth as large (before the clock starts)."""
    choice = calibration_choice(setup)
    if choice.source == "none":
        return 0.0
    tokens = max(choice.tokens // _SAMPLE_SHARE, sequence_length(checkpoint))
    start = time.perf_counter()
    _collect(setup, checkpoint, choice._replace(tokens=tokens), progress)
    return _MARGIN * (time.perf_counter() - start) * choice.tokens / tokens


def save_calibration(setup: Setup, checkpoint_path: Path, progress: Progress = SILENT) -> Path | None:
    """Collect statistics for the checkpoint just written and write them beside it; None when none were asked for.

    Raises:
        DataError: too little training text. StorageError: the disk refuses.
    """
    choice = calibration_choice(setup)
    if choice.source == "none":
        return None
    collected = _collect(setup, read_checkpoint(checkpoint_path), choice, progress)
    path = calibration_path(checkpoint_path)
    write_calibration(path, collected, sha256_file(checkpoint_path))
    return path


def _collect(setup: Setup, checkpoint: Checkpoint, choice: CalibrationChoice, progress: Progress) -> Calibration:
    pack = setup.pack
    return calibrate(checkpoint, choice, setup.dataset.path, pack.gradients, pack.seed, progress, setup.device)
