"""`train`: from a recipe to a run folder with a checkpoint."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from golfctl.core.machine.environment import describe_environment
from golfctl.core.progress import SILENT, Progress
from golfctl.core.recipe import Recipe
from golfctl.errors import GolfError, InterruptedRun
from golfctl.optim.collectives import Group
from golfctl.training.banner import banner, expectation
from golfctl.training.loop import Loop
from golfctl.training.meters.memory import memory_errors
from golfctl.training.meters.node import benchmark_seconds, node_benchmark
from golfctl.training.meters.training_clock import TrainingClock
from golfctl.training.meters.utilisation import Peak, Utilisation, device_peak
from golfctl.training.run.distributed import choose_threads, lost_ranks, process_group, resolve_device
from golfctl.training.run.held_out import HeldOut, held_out_loss
from golfctl.training.run.interrupt import GiveUp, StoppableProgress, Stopped, StopRequest, stop_on_signals
from golfctl.training.run.moments import measure_calibration, save_calibration
from golfctl.training.run.run_folders import RunFolder, numbered_run, run_records, trained_steps
from golfctl.training.run.state import read_state
from golfctl.training.run.store import Store, check_out, newest_state
from golfctl.training.setup import Setup, check_shards, prepare
from golfctl.training.trainer import Trainer
from golfctl.training.trainer_state import restore
from golfctl.training.warmup import no_more_graphs, warm_up

_UNCALIBRATED = "while collecting statistics for {}, which is whole: --resume collects them"


@dataclass(frozen=True)
class TrainResult:
    """How a run ended: where it lies, what it cost, the last training loss (None: no step was left), the held-out
    progress figure, and the share of the hardware's peak that was used (None: no peak; `mfu_basis` says why)."""

    run: Path
    checkpoint: Path
    step: int
    tokens: int
    seconds: float
    warmup_seconds: float
    loss: float | None
    held_out: HeldOut | None
    mfu: float | None
    mfu_basis: str


def train(
    recipe: Recipe,
    data: Path,
    out: Path | None = None,
    name: str = "run",
    resume: bool = False,
    device: str = "auto",
    progress: Progress = SILENT,
    give_up: GiveUp | None = None,
) -> TrainResult:
    """Train as `recipe` says on the dataset folder `data`, writing the run folder `out` (default: a new
    `runs/NAME`).

    Under torchrun every rank calls this; rank 0 writes. SIGINT, SIGTERM and SIGHUP save and raise; before the first
    step is done there is nothing to save, and `give_up` may end the process where raising takes too long.

    Raises:
        UsageError, ConfigError, DataError, CheckpointError: before anything is written, where possible.
        InterruptedRun: stopped, state saved. NumericsError: the loss is not finite. StorageError: disk full.
        InputError: another rank was lost, or the memory does not suffice.
    """
    chosen = resolve_device(device)
    config = prepare(recipe, data, chosen)
    if resume and out is not None and (ended := _finished(RunFolder(out), config)):
        progress.say(f"{out} is finished, at step {ended.step:,}: nothing to resume")
        return ended
    torch.set_num_threads(choose_threads(config.train.threads))
    with stop_on_signals(give_up) as stop, process_group(chosen, config.train.rank_timeout_seconds) as group:
        folder = out or _new_run(name, group, chosen)
        check_out(folder, resume)
        if group.rank == 0:
            with stop.nothing_to_save(lambda: "while the shards were checked; nothing was written"):
                check_shards(config.dataset, progress)
        if group.world > 1:  # nobody creates the folder before everyone has looked
            group.all_reduce(torch.zeros(1, device=chosen)).wait()
        return _run(config, RunFolder(folder), resume, group, stop, progress if group.rank == 0 else SILENT)


def _finished(folder: RunFolder, setup: Setup) -> TrainResult | None:
    """How a run of these settings ended, when its last word is that it is done and its last state is whole."""
    ends = run_records(folder.path, "train.end") if folder.journal.is_file() else []
    if not ends or ends[-1]["exit_code"] or not folder.checkpoint(ends[-1]["step"]).is_file():
        return None
    try:
        position = read_state(folder.state(ends[-1]["step"])).position
    except GolfError:
        return None
    if (position.recipe_digest, position.data_digest) != (setup.digest, setup.dataset.digest):
        return None
    end, held_out = ends[-1], ends[-1]["held_out"]
    return TrainResult(
        folder.path, folder.checkpoint(end["step"]), end["step"], end["tokens"], end["seconds"],
        end["warmup_seconds"], end["loss"], HeldOut(**held_out) if held_out else None,
        end.get("mfu"), end.get("mfu_basis", "the journal names no peak"),
    )  # fmt: skip


def _run(
    setup: Setup, folder: RunFolder, resume: bool, group: Group, stop: StopRequest, progress: Progress
) -> TrainResult:
    store = Store(folder, setup, writes=group.rank == 0, progress=progress)
    with stop.nothing_to_save(store.left):
        if group.rank == 0:
            _say_what_it_is(setup, folder, group, progress)
        trainer = Trainer(setup, group, stop)
    try:
        with lost_ranks(), memory_errors(trainer):
            return _train(setup, trainer, store, resume, stop, progress)
    except BaseException as error:
        store.record_end({**_cause(error), "step": trainer.steps_done})
        raise
    finally:
        trainer.close()
        store.close()


def _say_what_it_is(setup: Setup, folder: RunFolder, group: Group, progress: Progress) -> None:
    for line in banner(setup, folder.path, group.world):
        progress.say(line)
    for line in expectation(setup, group.world):
        progress.say(line)


def _cause(error: BaseException) -> dict[str, Any]:
    """Exit code and message of a run that could not go on; 1 is a bug of ours."""
    interrupted = isinstance(error, KeyboardInterrupt)
    code = error.exit_code if isinstance(error, GolfError) else InterruptedRun.exit_code if interrupted else 1
    message = str(error) if isinstance(error, GolfError) else f"{type(error).__name__}: {error}"
    return {"exit_code": code, "message": "interrupted" if interrupted else message}


def _train(
    setup: Setup, trainer: Trainer, store: Store, resume: bool, stop: StopRequest, progress: Progress
) -> TrainResult:
    with stop.nothing_to_save(store.left):
        start = time.monotonic()
        clock, peak = _begin(setup, trainer, store, resume, progress)
        store.save(trainer, clock.seconds)  # a state to fall back on, and a measure of what the final write costs
        warm_up(trainer, stop, progress)
        measured = measure_calibration(setup, trainer.checkpoint()) if trainer.group.rank == 0 else 0.0
        warmup = time.monotonic() - start
    loop = Loop(trainer, store, clock, stop, progress, measured, peak)
    with no_more_graphs(setup.train.compile):
        loop.run()
    used, phases = loop.utilisation(), trainer.phases.seconds()
    checkpoint = store.folder.checkpoint(trainer.steps_done)
    if setup.train.average.kind == "swa" and not trainer.average.count:
        progress.say("average.kind = swa took no snapshot: the checkpoint holds the last weights; lower average.every")
    if trainer.group.rank == 0:
        _calibrate(setup, store, checkpoint, clock, StoppableProgress(progress, stop, _UNCALIBRATED.format(checkpoint)))
    seconds, budget = clock.seconds, setup.train.seconds
    if budget is not None and seconds > budget:
        progress.say(f"sealed after {seconds:.1f} s of training clock: over the budget of {budget:g} s")
    result = TrainResult(
        store.folder.path, checkpoint, trainer.steps_done, trainer.tokens, seconds, warmup, loop.last_loss,
        _held_out(setup, trainer, stop, progress), used.mfu, used.basis,
    )  # fmt: skip
    store.record_end(_end_record(result, setup, phases))
    return result


def _calibrate(setup: Setup, store: Store, checkpoint: Path, clock: TrainingClock, progress: StoppableProgress) -> None:
    """Statistics for packing beside the final checkpoint, on the training clock, where the recipe asks for them."""
    if path := save_calibration(setup, checkpoint, progress):
        store.record("train.calibration", {"file": path.name, "seconds": round(clock.seconds, 3)})


def _begin(
    setup: Setup, trainer: Trainer, store: Store, resume: bool, progress: Progress
) -> tuple[TrainingClock, Peak]:
    """Start the run's folder, or take up its newest state; either way the journal says so, and of what machine."""
    clock = TrainingClock()
    if resume and (store.folder.states() or trained_steps(store.folder.path)):
        path, state = newest_state(store.folder, progress)
        restore(trainer, state, str(path))
        store.began_at = trainer.steps_done
        clock = TrainingClock(state.position.seconds)
        progress.say(f"resuming {path} at step {trainer.steps_done:,}, {clock.seconds:.1f} s of training clock")
    elif resume:
        progress.say(f"{store.folder.path} ended before its first state was saved: starting it again")
    if trainer.group.rank:
        return clock, Peak(None, "rank 0 keeps the books")
    seconds = benchmark_seconds(setup.device, setup.train.node_benchmark_seconds)
    node = node_benchmark(setup.device, seconds) if seconds else None
    store.begin()
    store.record("train.start", _start_record(setup, trainer, resume, node))
    return clock, device_peak(setup.device, setup.dtype, node)


def _new_run(name: str, group: Group, device: torch.device) -> Path:
    """Rank 0's choice of a run folder that does not exist yet."""
    number = torch.zeros(1, dtype=torch.int64, device=device)
    if group.rank == 0:
        number += next(n for n in itertools.count(1) if not numbered_run(name, n).exists())
    group.all_reduce(number).wait()
    return numbered_run(name, int(number))


def _held_out(setup: Setup, trainer: Trainer, stop: StopRequest, progress: Progress) -> HeldOut | None:
    """The progress figure; whoever does not wait for it has a whole run all the same."""
    train = setup.train
    if not train.held_out_tokens or trainer.group.rank:
        return None
    try:
        with trainer.deployed(), stop.stoppable():
            return held_out_loss(
                trainer.model, setup.dataset, train.sequence_length, train.held_out_tokens, setup.device
            )
    except Stopped:
        progress.say(f"{stop.name}: the run is whole; its held-out figure was left out")
        return None


def _start_record(setup: Setup, trainer: Trainer, resume: bool, node: dict[str, float] | None) -> dict[str, Any]:
    return {
        "recipe": setup.recipe.tables,
        "recipe_digest": setup.digest,
        "data": {"path": str(setup.dataset.path.resolve()), "digest": setup.dataset.digest},
        "environment": describe_environment(),
        "device": str(setup.device),
        "dtype": str(setup.dtype).removeprefix("torch."),
        "ranks": trainer.group.world,
        "node": node,
        "micro_sequences": trainer.micro_sequences,
        "parameters": sum(p.numel() for p in trainer.parameters.values()),
        "resumed_at": trainer.steps_done if resume else None,
    }


def _end_record(result: TrainResult, setup: Setup, phases: dict[str, float]) -> dict[str, Any]:
    budget = setup.train.seconds
    return {
        "exit_code": 0,
        "message": "done",
        "step": result.step,
        "tokens": result.tokens,
        "seconds": round(result.seconds, 3),
        "warmup_seconds": round(result.warmup_seconds, 3),
        "budget_seconds": budget,
        "sealed_in_budget": None if budget is None else result.seconds <= budget,
        "loss": result.loss,
        "held_out": result.held_out._asdict() if result.held_out else None,
        **Utilisation(result.mfu, result.mfu_basis).to_dict(),
        "phase_seconds": {phase: round(seconds, 3) for phase, seconds in phases.items()},
    }
