"""Warm-up before the clock: every graph that the run will use is compiled and run once, then all state is reset."""

import importlib.util
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from golfctl.core.progress import Progress
from golfctl.errors import DependencyError, InterruptedRun
from golfctl.optim.schedule import RunPoint
from golfctl.training.meters.memory import fit_memory
from golfctl.training.run.interrupt import StopRequest
from golfctl.training.trainer import Trainer
from golfctl.training.trainer_state import restore, snapshot

_GRAPHS = 64  # modes × sizes of micro-batches, and shapes of banks: all of them are made in the warm-up


def check_compiler(device: torch.device) -> None:
    """Raise DependencyError where the back end of torch.compile for this device lacks a compiler."""
    if device.type == "cpu" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise DependencyError("train.compile on a CPU needs a C++ compiler: install g++, or set train.compile = false")
    if device.type != "cuda":
        return
    if importlib.util.find_spec("triton") is None:
        raise DependencyError("train.compile on CUDA needs triton: pip install triton, or set train.compile = false")
    if not os.environ.get("CC") and not any(map(shutil.which, ("gcc", "clang", "cc"))):
        raise DependencyError("train.compile on CUDA needs a C compiler: install gcc, or set train.compile = false")


def compile_model(trainer: Trainer) -> None:
    """Replace the trainer's loss by its compiled form: one graph without breaks, fixed shapes.

    Raises:
        DependencyError: the back end needs a compiler and there is none.
    """
    check_compiler(trainer.setup.device)
    torch._dynamo.reset()  # of an earlier run in this process
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _GRAPHS)
    trainer.loss_function = torch.compile(trainer.model.loss, fullgraph=True, dynamic=False)


def warm_up(trainer: Trainer, stop: StopRequest, progress: Progress) -> float:
    """Run one step in every mode of the run (loops off and on, quantisation off and on), then restore everything.

    Needed where code is compiled or kernels are chosen on first use; plain CPU runs skip it. Returns seconds spent,
    outside the training clock.

    Raises:
        InterruptedRun: asked to stop (with other ranks the first step of the run sees to that).
        DependencyError: see `check_compiler`. InputError: see `fit_memory`.
    """
    compiled = trainer.setup.train.compile
    if not compiled and trainer.setup.device.type == "cpu":
        return 0.0
    start = time.monotonic()
    if compiled:
        compile_model(trainer)
    before = snapshot(trainer)
    if trainer.setup.device.type == "cuda" and trainer.setup.train.micro_batch_tokens is None:
        fit_memory(trainer, progress)
    modes = trainer.all_modes()
    with progress.task("warm-up", len(modes), "graphs") as task:
        for step, mode in enumerate(modes):
            with _interruptions(stop):
                trainer.step(RunPoint(step, 0.0, len(modes), None), mode)
            task.advance()
            if stop and trainer.group.world == 1:
                raise InterruptedRun(f"stopped by {stop.name} before the first step")
    restore(trainer, before, "warm-up")
    trainer.reset_counters()
    if trainer.setup.device.type == "cuda":
        torch.cuda.synchronize(trainer.setup.device)
    return time.monotonic() - start


@contextmanager
def _interruptions(stop: StopRequest) -> Iterator[None]:
    """A Ctrl-C reaches the compiler's processes too: that they failed then is no bug."""
    try:
        yield
    except RuntimeError as error:
        if not stop:
            raise
        raise InterruptedRun(f"stopped by {stop.name} before the first step") from error


@contextmanager
def no_more_graphs(compiled: bool) -> Iterator[None]:
    """Inside the block a compiled run that needs another compilation fails instead of stalling."""
    if not compiled:
        yield
        return
    with torch._dynamo.config.patch(error_on_recompile=True):
        yield
