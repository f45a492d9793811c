"""Seconds a step, from a short measurement: real steps where they are short, else a slice of one and its scale.

On a GPU: real steps, after the warm-up of a run (which compiles, where the recipe asks for it). Elsewhere: real steps
where one is expected to take a moment; else steps with fewer tokens, whose forward and backward passes are counted up
by FLOPs, while the optimizer's part is the same for any number of tokens. Nothing is compiled there.
"""

import dataclasses
import time
from typing import NamedTuple

import torch

from golfctl.core.progress import Progress
from golfctl.model.census import census
from golfctl.optim.collectives import Group
from golfctl.optim.schedule import RunPoint
from golfctl.training.banner import least_step_seconds
from golfctl.training.meters.memory import memory_errors
from golfctl.training.run.interrupt import StopRequest
from golfctl.training.setup import Setup
from golfctl.training.trainer import Trainer
from golfctl.training.warmup import warm_up

_STEPS, _STEPS_SECONDS = 8, 3.0  # at most
_LONG_SECONDS = 4.0  # a first step that takes longer is the only one
_MOMENT_SECONDS = 1.0  # of work at the rate of large products; a real step takes a few times as long
_FEWEST_TOKENS = 64


class StepTime(NamedTuple):
    """Seconds of one optimizer step in the mean over a run, and what was measured for it."""

    seconds: float
    basis: str


def measure_step(setup: Setup, group: Group, stop: StopRequest, progress: Progress) -> StepTime:
    """Measure on the device of `setup`, with a trainer that is dropped again; a collective when there are ranks.

    Raises:
        InputError: the memory does not suffice.
    """
    on_gpu = setup.device.type == "cuda"
    least = 0.0 if on_gpu else _of_first_rank(least_step_seconds(setup, group.world), setup, group)
    part = setup if least <= _MOMENT_SECONDS else _smaller(setup, group.world, _MOMENT_SECONDS / least)
    shorter = "" if part is setup else f" with {part.train.batch_tokens:,} of {setup.train.batch_tokens:,} tokens"
    progress.say(
        f"measuring steps{shorter} of {census(setup.spec).parameters:,} parameters on {setup.device}, {_how(setup)}"
    )
    trainer = Trainer(part, group, stop)
    try:
        with memory_errors(trainer):
            if on_gpu:
                warm_up(trainer, stop, progress)
            phases, steps = _timed(trainer)
    finally:
        trainer.close()
    gradient = phases["gradient"] * _flops_of_step(setup) / _flops_of_step(part)
    seconds = (phases["data"] + gradient + phases["optimizer"]) * _mean_over_run(setup)
    return StepTime(seconds, f"{_what(setup, part, steps)} on {setup.device}, {_how(setup)}")


def _smaller(setup: Setup, ranks: int, share: float) -> Setup:
    """The same run with about `share` of the tokens a step, at most a micro-batch of each rank, and whole sequences or
    one that is cut short."""
    train = setup.train
    own = max(1, train.batch_sequences // ranks)
    most = setup.micro_sequences(own) * train.sequence_length
    tokens = min(max(int(train.batch_tokens / ranks * share), _FEWEST_TOKENS), most)
    length = min(tokens, train.sequence_length)
    batch = {"sequence_length": length, "batch_tokens": tokens // length * length * ranks, "micro_batch_tokens": None}
    data = setup.data.model_copy(update={"slices": 1})
    return dataclasses.replace(setup, train=train.model_copy(update=batch), data=data)


def _timed(trainer: Trainer) -> tuple[dict[str, float], int]:
    """Mean seconds by phase of steps in the run's last mode; a first step goes untimed unless it is long itself."""
    mode, point = trainer.all_modes()[-1], RunPoint(0, 0.0, _STEPS, None)
    start = time.perf_counter()
    trainer.step(point, mode)
    trainer.phases.seconds()  # waits for the device
    first = _of_first_rank(time.perf_counter() - start, trainer.setup, trainer.group)
    if first > _LONG_SECONDS:
        return trainer.phases.seconds(), 1
    trainer.reset_counters()
    steps = min(_STEPS, max(1, int(_STEPS_SECONDS / first)))
    for _ in range(steps):
        trainer.step(point, mode)
    return {name: seconds / steps for name, seconds in trainer.phases.seconds().items()}, steps


def _of_first_rank(value: float, setup: Setup, group: Group) -> float:
    """Rank 0's value, on which all ranks agree."""
    shared = torch.tensor([value if group.rank == 0 else 0.0], device=setup.device)
    group.all_reduce(shared).wait()
    return float(shared)


def _flops_of_step(setup: Setup) -> int:
    return census(setup.spec).flops_per_token(setup.train.sequence_length) * setup.train.batch_tokens


def _mean_over_run(setup: Setup) -> float:
    """A step's cost in the mean over the run, in units of one in its last phase, where all repeated layers loop.

    The share of the budget before that is one of steps or of seconds, as the budget is.
    """
    start, counted, length = setup.train.recurrence_start, census(setup.spec), setup.train.sequence_length
    if not start:
        return 1.0
    cheap = counted.flops_per_token(length, loops=0) / counted.flops_per_token(length)
    return start * cheap + (1 - start) if setup.train.steps else 1 / (start / cheap + (1 - start))


def _what(setup: Setup, part: Setup, steps: int) -> str:
    times = f"{steps} real {'step' if steps == 1 else 'steps'}"
    if part is setup:
        return times
    whole = part.train.sequence_length == setup.train.sequence_length
    cut = "" if whole else f" (sequences cut to {part.train.sequence_length:,})"
    return f"{times} with {part.train.batch_tokens:,} of {setup.train.batch_tokens:,} tokens{cut}, counted up by FLOPs"


def _how(setup: Setup) -> str:
    if not setup.train.compile:
        return "eager"
    return "compiled" if setup.device.type == "cuda" else "eager (the run would be compiled)"
