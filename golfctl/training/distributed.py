"""Joining and leaving the process group that torchrun describes in the environment."""

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from golfctl.errors import DependencyError, GolfError, InputError
from golfctl.optim.collectives import Group, current_group

if dist.is_available():  # its default arguments keep whatever group exists on import, threads and all, past its end
    import torch.distributed.nn


@contextmanager
def process_group(device: torch.device, timeout_seconds: float) -> Iterator[Group]:
    """Join torchrun's group (gloo on CPU, NCCL on CUDA) for the block; a world of one without torchrun.

    A rank that vanishes makes the others' collectives fail, at the latest after `timeout_seconds`.

    Raises:
        InputError: another rank was lost. DependencyError: this torch has no distributed package.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "RANK" not in os.environ:
        yield current_group()
        return
    if not dist.is_available():
        raise DependencyError("this torch has no distributed package: install a build with it, or run one process")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=datetime.timedelta(seconds=timeout_seconds))
    try:
        with lost_ranks():
            yield current_group()
    finally:
        dist.destroy_process_group()


@contextmanager
def lost_ranks() -> Iterator[None]:
    """Turn a failed collective of the block into an error that says so.

    Raises:
        InputError: another rank was lost.
    """
    try:
        yield
    except GolfError:
        raise
    except RuntimeError as error:
        if not (dist.is_available() and dist.is_initialized() and _is_communication(error)):
            raise
        reason = str(error).splitlines()[0][:160]
        raise InputError(
            f"rank {dist.get_rank()} lost touch with another rank ({reason}); "
            "the last checkpoint is intact: continue with --resume"
        ) from error


def _is_communication(error: RuntimeError) -> bool:
    text = str(error).lower()
    signs = ("gloo", "nccl", "connection", "timed out", "timeout", "peer", "process group")
    return isinstance(error, dist.DistError) or any(sign in text for sign in signs)


def resolve_device(name: str) -> torch.device:
    """The device called `name` ("auto", "cpu", "cuda", "cuda:N", "mps"); under torchrun, this rank's own GPU.

    Raises:
        DependencyError: torch cannot use that device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r}: use cpu, cuda, cuda:N, mps or auto") from error
    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not usable.get(device.type, False):
        raise DependencyError(
            f"device {name!r} is not usable with this torch build; try --device cpu, or `golfctl doctor`"
        )
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return device


def choose_threads(asked: int | None) -> int:
    """Threads for this process: as asked, else OMP_NUM_THREADS, else this rank's share of the usable cores."""
    if asked is not None:
        return asked
    if (limit := os.environ.get("OMP_NUM_THREADS", "")).isdigit() and "LOCAL_WORLD_SIZE" not in os.environ:
        return int(limit)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
