"""Warm-up before the clock: every graph that the run will use is compiled and run once, then all state is reset."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from golfctl.core.progress import Progress
from golfctl.errors import DependencyError
from golfctl.optim.schedule import Clock
from golfctl.training.trainer import Trainer

_GRAPHS = 64  # phases × sizes of micro-batches, and shapes of banks: all of them are made in the warm-up


def compile_model(trainer: Trainer) -> None:
    """Replace the trainer's loss by its compiled form: one graph without breaks, fixed shapes.

    Raises:
        DependencyError: the CPU back end needs a C++ compiler and there is none.
    """
    if trainer.setup.device.type == "cpu" and not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        raise DependencyError("train.compile on a CPU needs a C++ compiler: install g++, or set train.compile = false")
    torch._dynamo.reset()  # of an earlier run in this process
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _GRAPHS)
    trainer.loss_function = torch.compile(trainer.model.loss, fullgraph=True, dynamic=False)


def warm_up(trainer: Trainer, progress: Progress) -> float:
    """Run one step in every phase of the run (loops off and on, quantisation off and on), then restore everything.

    Needed where code is compiled or kernels are chosen on first use; plain CPU runs skip it. Returns seconds spent,
    outside the training clock.
    """
    compiled = trainer.setup.train.compile
    if not compiled and trainer.setup.device.type == "cpu":
        return 0.0
    start = time.monotonic()
    if compiled:
        compile_model(trainer)
    before = trainer.snapshot()
    phases = _phases(trainer)
    with progress.task("warm-up", len(phases), "graphs") as task:
        for clock in phases:
            trainer.step(clock)
            task.advance()
    trainer.restore(before, "warm-up")
    trainer.reset_counters()
    if trainer.setup.device.type == "cuda":
        torch.cuda.synchronize(trainer.setup.device)
    return time.monotonic() - start


@contextmanager
def no_more_graphs(compiled: bool) -> Iterator[None]:
    """Inside the block a compiled run that needs another compilation fails instead of stalling."""
    if not compiled:
        yield
        return
    with torch._dynamo.config.patch(error_on_recompile=True):
        yield


def _phases(trainer: Trainer) -> list[Clock]:
    """One clock reading in every phase that has a graph of its own: loops × quantisation."""
    seen: dict[tuple[int, bool], Clock] = {}
    for percent in range(1000):
        clock = Clock(percent, float(percent), 1000, None)
        seen.setdefault(trainer.phase(clock), clock)
    return list(seen.values())
