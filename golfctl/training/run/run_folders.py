"""Run folders: where a run's files lie, which is the latest, whether it is trained or training. Never imports torch."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from golfctl.core.files import storage_errors
from golfctl.core.journal import read_journal
from golfctl.core.machine import locks
from golfctl.errors import CheckpointError, InputError, UsageError

RECIPE = "recipe.toml"
JOURNAL = "journal.jsonl"
TOKENIZER = "tokenizer.model"
ARTIFACT = "model.golf"
LOCK = ".lock"
RUNS = Path("runs")
_TRAINED = "trained"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)\.safetensors")
_STATE = re.compile(r"state-(\d+)\.safetensors")


class RunFolder:
    """The paths of one run."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.recipe = self.path / RECIPE
        self.journal = self.path / JOURNAL
        self.tokenizer = self.path / TOKENIZER
        self.artifact = self.path / ARTIFACT
        self.lock = self.path / LOCK

    def checkpoint(self, step: int) -> Path:
        """The weights to deploy, as of `step`."""
        return self.path / f"checkpoint-{step:07d}.safetensors"

    def state(self, step: int) -> Path:
        """Everything that resuming at `step` needs."""
        return self.path / f"state-{step:07d}.safetensors"

    def checkpoints(self) -> list[Path]:
        """Checkpoints, oldest first."""
        return _by_step(self.path, _CHECKPOINT)

    def states(self) -> list[Path]:
        """Training states, oldest first."""
        return _by_step(self.path, _STATE)


def step_of(path: Path) -> int:
    """The step that a checkpoint or state is of."""
    return int(path.stem.rpartition("-")[2])


def is_run(path: Path) -> bool:
    """Whether `path` is a run folder."""
    return (Path(path) / RECIPE).is_file()


def run_of(file: Path) -> Path | None:
    """The run that `file` lies in: its folder, where that has a recipe and a journal. A recipe alone is anybody's."""
    folder = Path(file).parent
    return folder if is_run(folder) and RunFolder(folder).journal.is_file() else None


def latest_run(root: Path = RUNS, steps: Callable[[Path], int] | None = None) -> Path:
    """The run under `root` that was written to last, among those with trained steps, which `steps` counts (None:
    `trained_steps`).

    Raises:
        InputError: there is none.
    """
    runs = _newest_first(root)
    if trained := next(filter(steps or trained_steps, runs), None):
        return trained
    if runs:
        raise InputError(
            f"no run under {root}/ has a trained step: go on with `golfctl train --resume --out {runs[0]}`, "
            "or name a run folder or a file"
        )
    raise InputError(f"no run under {root}/: start one with `golfctl train`, or name a run folder or a file")


def run_to_resume(root: Path = RUNS) -> Path:
    """The latest run; where none has a trained step, the one that was written to last.

    Raises:
        InputError: there is no run.
    """
    runs = _newest_first(root)
    return latest_run(root) if not runs or any(map(trained_steps, runs)) else runs[0]


def chosen(run: Path) -> str:
    """The latest run as it is named to people, with the newer ones that were passed over."""
    runs = _newest_first(run.parent)
    passed = ", ".join(map(str, runs[: runs.index(run)]))
    return f"{run} (newer, but without a trained step: {passed})" if passed else str(run)


def trained_steps(run: Path) -> int:
    """Steps behind the newest checkpoint of `run`; 0 when there is none."""
    return max(map(step_of, RunFolder(run).checkpoints()), default=0)


def trained_or_packed(run: Path) -> int:
    """`trained_steps`; 1 where only an artifact is left of a run, which can be looked at and scored all the same."""
    return trained_steps(run) or int(RunFolder(run).artifact.is_file())


def logged_steps(run: Path) -> int:
    """Steps that the journal of `run` tells of, saved or not."""
    if not RunFolder(run).journal.is_file():
        return 0
    return max((int(body["step"]) for body in run_records(run, "train.log")), default=0)


def is_training(run: Path) -> bool:
    """Whether a process is training `run` right now."""
    return locks.holder(RunFolder(run).lock) is not None


def check_not_training(run: Path) -> None:
    """Raise UsageError, naming the process, when one is training `run`."""
    if other := locks.holder(RunFolder(run).lock):
        raise UsageError(locks.in_use(Path(run), _TRAINED, other))


@contextlib.contextmanager
def held(run: Path) -> Iterator[locks.Lock]:
    """Hold the folder `run`, made where it is missing, for the block: whoever does may train it.

    Raises:
        UsageError: another process, or this one elsewhere, holds it. StorageError: the folder cannot be made.
    """
    with contextlib.ExitStack() as stack:
        with storage_errors(run):
            lock = stack.enter_context(locks.held(RunFolder(run).lock, Path(run), _TRAINED, tidy=True))
        yield lock


def latest_checkpoint(run: Path) -> Path:
    """The newest checkpoint of a run.

    Raises:
        InputError: no such run. CheckpointError: the run has not written a checkpoint yet.
    """
    if not is_run(run):
        raise InputError(f"{run} is no run folder (it has no {RECIPE})")
    checkpoints = RunFolder(run).checkpoints()
    if not checkpoints:
        raise CheckpointError(f"{run} has no checkpoint yet: let it train on, or `golfctl train --resume --out {run}`")
    return checkpoints[-1]


def run_data(run: Path) -> Path:
    """The dataset folder a run was last trained on, from its journal.

    Raises:
        InputError: the run or its dataset is gone. CheckpointError: the journal says nothing of data.
    """
    journal = RunFolder(run).journal
    for record in reversed(read_journal(journal).records if journal.is_file() else []):
        if record.kind == "train.start":
            data = Path(str(record.body["data"]["path"]))
            if not data.is_dir():
                raise InputError(f"the dataset of {run}, {data}, is not there any more: name one with --data DIR")
            return data
    raise CheckpointError(f"{run}/{JOURNAL} does not say what the run was trained on: name a dataset with --data DIR")


def numbered_run(name: str, number: int, root: Path = RUNS) -> Path:
    """The folder of the `number`-th run called `name`: `runs/name`, `runs/name-2`, …"""
    return Path(root) / (name if number == 1 else f"{name}-{number}")


def run_records(run: Path, kind: str) -> list[dict[str, Any]]:
    """Bodies of all journal records of one kind, oldest first."""
    return [record.body for record in read_journal(RunFolder(run).journal).records if record.kind == kind]


def _by_step(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    found = [(int(m.group(1)), path) for path in folder.glob("*") if (m := pattern.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def _newest_first(root: Path) -> list[Path]:
    runs = [path for path in sorted(Path(root).glob("*")) if is_run(path)]
    return sorted(runs, key=_touched, reverse=True)


def _touched(run: Path) -> tuple[int, str]:
    journal = run / JOURNAL
    return (journal if journal.exists() else run).stat().st_mtime_ns, run.name
