"""What a run leaves on disk: folder, journal, checkpoints with their states, and which of them are kept."""

import time
from pathlib import Path
from typing import Any

from golfctl.core.files import atomic_write
from golfctl.core.journal import Journal
from golfctl.core.progress import Progress
from golfctl.errors import CheckpointError, InputError, StorageError, UsageError
from golfctl.packing.checkpoint import write_checkpoint
from golfctl.training.run.run_folders import RECIPE, TOKENIZER, RunFolder, is_run, step_of
from golfctl.training.run.state import TrainingState, read_state, write_state
from golfctl.training.setup import Setup
from golfctl.training.trainer import Trainer


class Store:
    """Writes a run's files; on ranks other than 0 it only takes part in the collectives of gathering."""

    def __init__(self, folder: RunFolder, setup: Setup, writes: bool, progress: Progress) -> None:
        self.folder, self._setup, self._writes, self._progress = folder, setup, writes, progress
        self._journal = Journal(folder.journal) if writes else None
        if self._journal and self._journal.torn:
            progress.say(f"{folder.journal}: dropped a torn last line of {len(self._journal.torn)} bytes")
        self.write_seconds = 0.0
        self.began_at = 0
        if writes:
            for leftover in _leftovers(folder.path):
                leftover.unlink(missing_ok=True)

    def begin(self) -> None:
        """Write the recipe as resolved and the tokenizer, unless they are there."""
        if self._writes and not is_run(self.folder.path):
            self.folder.path.mkdir(parents=True, exist_ok=True)
            atomic_write(self.folder.tokenizer, self._setup.dataset.tokenizer.proto)
            self._setup.recipe.write(self.folder.recipe)  # last: it makes the folder a run

    def record(self, kind: str, body: dict[str, Any]) -> None:
        """Append to the journal."""
        if self._journal:
            self._journal.append(kind, body)

    def record_end(self, body: dict[str, Any]) -> None:
        """The last record of a run, as far as the disk still allows."""
        try:
            self.record("train.end", body)
        except StorageError as error:
            self._progress.say(f"the journal could not take the end of the run: {error}")

    def save(self, trainer: Trainer, seconds: float) -> Path:
        """Write checkpoint and state of this moment, then drop the oldest beyond `keep_checkpoints`.

        Raises:
            CheckpointError: the weights are not finite. StorageError: the disk refuses; older files stay.
        """
        start = time.perf_counter()
        state = trainer.state(seconds)
        path = self.folder.checkpoint(trainer.steps_done)
        if self._writes:
            write_checkpoint(path, trainer.checkpoint())
            write_state(self.folder.state(trainer.steps_done), state)
            self._prune(trainer.steps_done)
        self.write_seconds = max(time.perf_counter() - start, self.write_seconds)
        if self._writes:
            self.record(
                "train.checkpoint",
                {
                    "step": trainer.steps_done,
                    "seconds": seconds,
                    "file": path.name,
                    "write_seconds": self.write_seconds,
                },
            )
        return path

    def _prune(self, step: int) -> None:
        """Keep the newest files; those beyond `step`, once this process has taken one, are of a course given up."""
        keep = self._setup.train.keep_checkpoints
        for files in (self.folder.checkpoints(), self.folder.states()):
            beyond = [path for path in files if step_of(path) > step]
            course = files[: len(files) - len(beyond)]
            for old in [*course[:-keep], *(beyond if step > self.began_at else [])]:
                old.unlink(missing_ok=True)


def _leftovers(folder: Path) -> list[Path]:
    """What a killed process had under way here."""
    return [path for name in ("*.safetensors", RECIPE, TOKENIZER) for path in folder.glob(f".{name}.*.tmp")]


def newest_state(folder: RunFolder, progress: Progress) -> tuple[Path, TrainingState]:
    """The newest readable state of a run; damaged ones are named and passed over.

    Raises:
        CheckpointError: there is none.
    """
    for path in reversed(folder.states()):
        try:
            return path, read_state(path)
        except CheckpointError as error:
            progress.say(f"passing over a damaged state: {error}")
    raise CheckpointError(f"{folder.path} holds no training state to resume from: start again with another --out")


def check_out(path: Path, resume: bool) -> None:
    """Raise unless a run may be written to `path`.

    Raises:
        UsageError: it holds a run already and `resume` is off. InputError: there is no run to resume.
    """
    if resume and not is_run(path):
        raise InputError(f"nothing to resume: {path} is no run folder")
    if not resume and path.exists() and set(path.iterdir()) - set(_leftovers(path)):
        raise UsageError(f"{path} already exists and is not empty: continue it with --resume, or name another --out")
