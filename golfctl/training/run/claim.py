"""Who may write a run: one process group at a time, and none over what is there."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from golfctl.core.files import storage_errors
from golfctl.core.machine.locks import Lock
from golfctl.core.machine.places import check_place
from golfctl.errors import GolfError, InputError, StorageError, UsageError
from golfctl.optim.collectives import Group
from golfctl.training.run.run_folders import JOURNAL, LOCK, TOKENIZER, check_not_training, held, is_run

_ALONE = r"(checkpoint|state|calibration)-\d+\.safetensors|recipe\.toml|tokenizer\.model"  # written by training alone
_UNDER_WAY = re.compile(rf"\.({_ALONE})\.(.+\.tmp|lock)")
_LOCKS = {LOCK, f".{JOURNAL}.lock"}


@contextmanager
def claimed(path: Path, resume: bool, group: Group, device: torch.device) -> Iterator[Lock | None]:
    """Hold the run folder `path` for the block; rank 0 does, and every rank raises when it may not.

    Folders are made for it, and those that stay empty go again.

    Raises:
        UsageError: it holds a run already and `resume` is off, or another process trains it. InputError: there is no
        run to resume. StorageError: the folder cannot be made.
    """
    refused: GolfError | None = None
    lock = None
    with ExitStack() as stack:
        if group.rank == 0:
            try:
                check_out(path, resume)
                lock = stack.enter_context(held(path))
                _check_content(path, resume)  # again: somebody may have come and gone
                _clear(path)
            except GolfError as error:
                refused = error
        if _on_every_rank(refused is not None, group, device):
            raise refused or InputError(f"rank 0 may not write {path}; it says why")
        yield lock


def _on_every_rank(refused: bool, group: Group, device: torch.device) -> bool:
    if group.world == 1:
        return refused
    cell = torch.tensor([int(refused)], device=device)
    group.all_reduce(cell).wait()
    return bool(cell.item())


def check_out(path: Path, resume: bool) -> None:
    """Raise, before any work, unless a run may be written to `path`; makes nothing. Errors as `claimed`."""
    with storage_errors(path):
        if not resume:
            check_place(path)
        if os.path.lexists(path) and not path.is_dir():
            raise StorageError(f"cannot write {path}: it is no folder; name one that is new, or empty")
    if resume and not is_run(path):
        raise InputError(f"nothing to resume: {path} is no run folder")
    check_not_training(path)
    _check_content(path, resume)


def _check_content(path: Path, resume: bool) -> None:
    with storage_errors(path):
        names = {found.name for found in path.iterdir()} if path.exists() and not resume else set()
    ours = _LOCKS | ({TOKENIZER} if LOCK in names else set())  # a lock without a recipe: a training killed at its start
    if any(not _UNDER_WAY.fullmatch(name) for name in names - ours):
        raise UsageError(f"{path} already exists and is not empty: continue it with --resume, or name another --out")


def _clear(path: Path) -> None:
    """Remove what a killed training had under way here."""
    with storage_errors(path):
        for found in path.iterdir():
            if _UNDER_WAY.fullmatch(found.name):
                found.unlink(missing_ok=True)
