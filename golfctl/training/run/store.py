"""What a run leaves on disk: folder, journal, checkpoints with their states, and which of them are kept."""

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from golfctl.core.files import atomic_write, storage_errors
from golfctl.core.journal import Journal
from golfctl.core.machine.places import check_place
from golfctl.core.progress import Progress
from golfctl.errors import CheckpointError, InputError, StorageError, UsageError
from golfctl.packing.checkpoint import write_checkpoint
from golfctl.training.run.run_folders import (
    RECIPE,
    TOKENIZER,
    RunFolder,
    held,
    is_run,
    is_training,
    step_of,
    trained_steps,
)
from golfctl.training.run.state import TrainingState, read_state, write_state
from golfctl.training.setup import Setup
from golfctl.training.trainer import Trainer
from golfctl.training.trainer_state import state_of


class Store:
    """Writes a run's files; on ranks other than 0 it only takes part in the collectives of gathering."""

    def __init__(self, folder: RunFolder, setup: Setup, writes: bool, progress: Progress) -> None:
        self.folder, self._setup, self._writes, self._progress = folder, setup, writes, progress
        self._journal = Journal(folder.journal) if writes else None
        if self._journal and self._journal.torn:
            progress.say(f"{folder.journal}: dropped a torn last line of {len(self._journal.torn)} bytes")
        self.write_seconds = 0.0
        self.began_at = 0
        self._held = ExitStack()
        if writes:
            for leftover in _leftovers(folder.path):
                leftover.unlink(missing_ok=True)

    def begin(self) -> None:
        """Write the recipe as resolved and the tokenizer, unless they are there, and hold the run until `close`.

        Raises:
            UsageError: another process trains this run.
        """
        if not self._writes:
            return
        if not is_run(self.folder.path):
            self._create()
        try:
            self._held.enter_context(held(self.folder.path))
        except BlockingIOError as error:
            raise UsageError(_in_training(self.folder.path)) from error

    def _create(self) -> None:
        new = not self.folder.path.exists()
        with storage_errors(self.folder.path):
            self.folder.path.mkdir(parents=True, exist_ok=True)
        try:
            atomic_write(self.folder.tokenizer, self._setup.dataset.tokenizer.proto)
            self._setup.recipe.write(self.folder.recipe)  # last: it makes the folder a run
        except BaseException:
            self.folder.tokenizer.unlink(missing_ok=True)
            if new:
                self.folder.path.rmdir()
            raise

    def left(self) -> str:
        """What a run leaves behind that is stopped before this process has finished a step."""
        path = self.folder.path
        if not is_run(path):
            return "before the first step; nothing was written"
        again = f"`golfctl train --resume --out {path}`"
        if done := trained_steps(path):
            return f"before another step was done; {path} is as it was, at step {done}: continue with {again}"
        return f"before the first step was done; {path} holds no trained step: {again} starts it again"

    def close(self) -> None:
        """Let go of the run."""
        self._held.close()

    def record(self, kind: str, body: dict[str, Any]) -> None:
        """Append to the journal."""
        if self._journal:
            self._journal.append(kind, body)

    def record_end(self, body: dict[str, Any]) -> None:
        """The last record of a run, as far as the disk still allows; a folder that is no run yet gets none."""
        if not is_run(self.folder.path):
            return
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
        state = state_of(trainer, seconds)
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
        UsageError: it holds a run already and `resume` is off, or another process trains it. InputError: there is no
        run to resume. StorageError: no folder can be made there.
    """
    if not resume:
        check_place(path)
        if os.path.lexists(path) and not path.is_dir():
            raise StorageError(f"cannot write {path}: it is no folder; name one that is new, or empty")
    if resume and not is_run(path):
        raise InputError(f"nothing to resume: {path} is no run folder")
    if not resume and path.exists() and set(path.iterdir()) - set(_leftovers(path)):
        raise UsageError(f"{path} already exists and is not empty: continue it with --resume, or name another --out")
    if resume and is_training(path):
        raise UsageError(_in_training(path))


def _in_training(path: Path) -> str:
    return f"{path} is being trained by another process: wait for it, or stop that one first"
