"""Joining and leaving the process group that torchrun describes in the environment."""

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from golfctl.core.machine.variables import launched, meeting, number_in, speaks_of_loss
from golfctl.errors import DependencyError, GolfError, InputError, UsageError
from golfctl.optim.collectives import Group, current_group

if dist.is_available():  # its default arguments keep whatever group exists on import, threads and all, past its end
    import torch.distributed.nn


@contextmanager
def process_group(device: torch.device, timeout_seconds: float) -> Iterator[Group]:
    """Join torchrun's group (gloo on CPU, NCCL on CUDA) for the block; a world of one without torchrun.

    A rank that vanishes makes the others' collectives fail, at the latest after `timeout_seconds`.

    Raises:
        InputError: another rank was lost or never came. DependencyError: this torch has no distributed package.
    """
    on_cuda = device.type == "cuda"
    if on_cuda:
        torch.cuda.set_device(device)
    if launched().world == 1:
        yield current_group()
        return
    if not dist.is_available():
        raise DependencyError("this torch has no distributed package: install a build with it, or run one process")
    with meeting():
        dist.init_process_group(
            "nccl" if on_cuda else "gloo",
            timeout=datetime.timedelta(seconds=timeout_seconds),
            device_id=device if on_cuda else None,  # the communicator is made at once, on this device
        )
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
        if not (dist.is_available() and dist.is_initialized() and speaks_of_loss(error)):
            raise
        reason = str(error).splitlines()[0][:160]
        raise InputError(
            f"rank {dist.get_rank()} lost touch with another rank ({reason}); "
            "the last checkpoint is intact: continue with --resume"
        ) from error


def resolve_device(name: str) -> torch.device:
    """The device called `name` ("auto", "cpu", "cuda", "cuda:N", "mps"); under torchrun, this rank's own GPU.

    Raises:
        DependencyError: torch cannot use that device here. InputError: there is no such kind of device. UsageError:
        one GPU is named for several ranks.
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
    return _own_gpu(device) if device.type == "cuda" else device


def _own_gpu(device: torch.device) -> torch.device:
    local, here = number_in("LOCAL_RANK") or 0, torch.cuda.device_count()
    if device.index is not None and (number_in("LOCAL_WORLD_SIZE") or 1) > 1:
        raise UsageError(f"--device {device} would give every rank the same GPU: under torchrun use --device cuda")
    index = local if device.index is None else device.index
    if index >= here:
        raise DependencyError(f"there is no cuda:{index} here: this machine shows {here} GPUs, one for each local rank")
    return torch.device("cuda", index)


def choose_threads(asked: int | None) -> int:
    """Threads for this process: as asked, else OMP_NUM_THREADS, else this rank's share of the usable cores."""
    if asked is not None:
        return asked
    local_ranks = number_in("LOCAL_WORLD_SIZE")
    if local_ranks is None and (limit := number_in("OMP_NUM_THREADS")):  # torchrun sets that to 1
        return limit
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // (local_ranks or 1))
