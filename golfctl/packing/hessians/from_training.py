"""Calibration statistics beside a checkpoint: what training collected within its budget, for packing to use afterwards.

A file of statistics (`stats_file.py`) whose header also says where they come from and which checkpoint they belong to.
"""

from pathlib import Path

from golfctl.errors import CheckpointError
from golfctl.packing.hessians.calibration import Calibration
from golfctl.packing.hessians.stats_file import StoredStats, write_stats


def calibration_path(checkpoint: Path) -> Path:
    """Where the statistics of `checkpoint-N.safetensors` lie: `calibration-N.safetensors` beside it."""
    return checkpoint.with_name(checkpoint.name.replace("checkpoint-", "calibration-", 1))


def write_calibration(path: Path, calibration: Calibration, checkpoint_sha256: str) -> None:
    """Write atomically; the statistics belong to the checkpoint with that digest and to no other.

    Raises:
        StorageError: the disk refuses.
    """
    write_stats(path, calibration.stats, {"checkpoint_sha256": checkpoint_sha256, "source": calibration.source})


def open_calibration(path: Path) -> tuple[Calibration, str]:
    """The statistics in a file, read lazily, and the digest of the checkpoint they belong to.

    Raises:
        InputError: no such file. CheckpointError: damaged, or of another format.
    """
    stats, header = StoredStats.open(path)
    try:
        return Calibration(stats, dict(header["source"])), str(header["checkpoint_sha256"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not say what it was collected on: {error}") from error
