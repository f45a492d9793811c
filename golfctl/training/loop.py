"""The loop: steps until the budget is spent, with a log, checkpoints on a clock, and a clean end for every cause."""

import math
from typing import Any, NamedTuple, NoReturn

import torch

from golfctl.core.progress import Progress, Task
from golfctl.errors import InterruptedRun, NumericsError
from golfctl.optim.schedule import Clock
from golfctl.training.banner import still_to_go
from golfctl.training.meters.pace import Pace
from golfctl.training.meters.training_clock import TrainingClock
from golfctl.training.meters.utilisation import Peak, Utilisation, utilisation
from golfctl.training.run.interrupt import Stopped, StopRequest
from golfctl.training.run.store import Store
from golfctl.training.trainer import StepResult, Trainer

_CONTROL_EVERY = {"cpu": 1}  # steps between host syncs; accelerators run ahead of the host
_CONTROL_EVERY_DEFAULT = 8
_RESERVE_WRITES = 2.0
_RESERVE_STRETCH = 1.1
_FORETOLD_AFTER_STEPS, _FORETOLD_AFTER_SECONDS = 3, 5.0
_LONG_STEP_SECONDS = 10.0  # shows its micro-batches
_NO_PEAK = Peak(None, "no peak was asked for")


class Control(NamedTuple):
    """What all ranks agree on after a step: rank 0's clock and reserve, whether any was asked to stop, the loss."""

    seconds: float
    reserve: float
    stop: bool
    loss: float


class Loop:
    """Drives a trainer through its budget; `clock` must not have been started.

    `calibration_seconds` of a wall-clock budget are kept back for what follows the loop. `peak` is what MFU refers to.
    """

    def __init__(
        self,
        trainer: Trainer,
        store: Store,
        clock: TrainingClock,
        stop: StopRequest,
        progress: Progress,
        calibration_seconds: float = 0.0,
        peak: Peak = _NO_PEAK,
    ) -> None:
        self.trainer, self.store, self.clock, self.stop, self.progress = trainer, store, clock, stop, progress
        self.config = trainer.setup.train
        self.last_loss: float | None = None
        self._control_every = _CONTROL_EVERY.get(trainer.setup.device.type, _CONTROL_EVERY_DEFAULT)
        self._seconds = self._saved_at = clock.seconds
        self._peak = peak
        self._began = self._ended = self._seconds
        self._logged, self._flops_logged = (clock.seconds, trainer.steps_done), 0
        self._stretch_seconds, self._pace = 0.0, Pace()  # from one control to the next
        self._kept_back = calibration_seconds
        self._reserved = calibration_seconds + _RESERVE_WRITES * store.write_seconds
        self._shown, self._last_rate = 0, 0.0
        self._first_step, self._foretold, self._step_began = trainer.steps_done, False, 0.0

    def run(self) -> None:
        """Train until the budget is spent, then seal the final checkpoint, all on the training clock.

        Raises:
            InterruptedRun: asked to stop; the state is saved. NumericsError: the loss is not finite.
        """
        total = self.config.steps or math.ceil(self.config.seconds or 0)
        with self.progress.task("train", total, "steps" if self.config.steps else "s") as task:
            self.clock.start()
            self._show(task)
            self.trainer.on_pass = lambda done, total: self._show_passes(task, done, total)
            before, done, unseen = self.clock.seconds, self.trainer.steps_done, None
            while not self._spent():
                self._step_began = self.clock.seconds
                try:
                    unseen = self.trainer.step(self._clock())
                except Stopped:
                    self._stop()
                if self._due():
                    self._after_step(unseen, task)
                    stretch = self.clock.seconds - before
                    self._stretch_seconds = max(stretch, 0.9 * self._stretch_seconds)
                    self._pace.saw(stretch, self.trainer.steps_done - done)
                    before, done, unseen = self.clock.seconds, self.trainer.steps_done, None
            if unseen is not None:  # the budget was spent between two controls
                self._after_step(unseen, task)
        self._save()

    def _due(self) -> bool:
        """Whether the host looks at this step's loss, which waits for the device: every few steps and for the log."""
        step = self.trainer.steps_done
        return step % self._control_every == 0 or step % self.config.log_every == 0

    def utilisation(self) -> Utilisation:
        """MFU of this process up to the last save: over the training clock, earlier saves included."""
        return self._utilisation(self.trainer.flops, self._ended - self._began)

    def _utilisation(self, flops: int, seconds: float) -> Utilisation:
        return utilisation(flops, seconds, self.trainer.group.world, self._peak)

    def _after_step(self, result: StepResult, task: Task) -> None:
        control = self._agree(result)
        self._seconds, self._reserved, self.last_loss = control.seconds, control.reserve, control.loss
        self._check_finite("loss", control.loss)
        if self.trainer.steps_done % self.config.log_every == 0 or control.stop or self._spent():
            self._log(result, control)
        if control.stop:
            self._stop()
        if control.seconds - self._saved_at >= self.config.checkpoint_seconds:
            self._save()
        self._show(task, loss=control.loss, tok_s=self._rate())
        self._foretell()

    def _foretell(self) -> None:
        """Say once what is still to come, as soon as a few steps tell."""
        steps, seconds = self.trainer.steps_done - self._first_step, self._seconds - self._began
        if not self._foretold and (steps >= _FORETOLD_AFTER_STEPS or seconds >= _FORETOLD_AFTER_SECONDS):
            self._foretold = True
            self.progress.say(still_to_go(self.config, self.trainer.steps_done, seconds / steps, self._seconds))

    def _agree(self, result: StepResult) -> Control:
        """One small sum over ranks; without other ranks, plain host values."""
        group, mine = self.trainer.group, float(result.loss)  # waits for the device, so the clock is looked at after it
        seconds = self.clock.seconds
        sealing = self._kept_back + _RESERVE_WRITES * self.store.write_seconds  # as measured when the run began
        reserve = self._pace.slowdown * sealing + _RESERVE_STRETCH * self._stretch_seconds
        if group.world == 1:
            return Control(seconds, reserve, bool(self.stop), mine)
        times = [seconds, reserve] if group.rank == 0 else [0.0, 0.0]
        shared = torch.tensor(
            [*times, float(bool(self.stop)), mine], dtype=torch.float64, device=self.trainer.setup.device
        )
        group.all_reduce(shared).wait()
        seconds, reserve, stops, loss = shared.tolist()
        return Control(seconds, reserve, stops > 0, loss)

    def _clock(self) -> Clock:
        """The schedule's view: a wall-clock budget ends early enough to seal the checkpoint within it."""
        budget = self.config.seconds
        return Clock(
            self.trainer.steps_done,
            self._now(),
            self.config.steps,
            None if budget is None else max(budget - self._reserved, 1e-3),
        )

    def _now(self) -> float:
        """Seconds that every rank agrees on: alone, the clock itself; else rank 0's at the last control."""
        return self.clock.seconds if self.trainer.group.world == 1 else self._seconds

    def _spent(self) -> bool:
        return self._clock().finished

    def _check_finite(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise NumericsError(
                f"the {what} became {value} at step {self.trainer.steps_done}; the last checkpoint is from before: "
                "lower the learning rates (train.muon.lr, train.adam.*) or widen train.dtype"
            )

    def _stop(self) -> NoReturn:
        by, done = self.stop.name or "another rank", self.trainer.steps_done
        if done == self._first_step:
            raise InterruptedRun(f"stopped by {by} {self.store.left()}")
        self.progress.say(f"stopped by {by}: saving step {done:,}; a second signal ends at once, without it")
        path = self._save()
        raise InterruptedRun(
            f"stopped by {by} after step {done}; saved {path}: "
            f"continue with `golfctl train --resume --out {path.parent}`"
        )

    def _save(self) -> Any:
        self._saved_at, self._ended = self._now(), self.clock.seconds
        return self.store.save(self.trainer, self._ended)

    def _elapsed(self) -> float:
        return max(self.clock.seconds - self._logged[0], 1e-9)

    def _rate(self, elapsed: float | None = None) -> float:
        """Tokens per second since the last log record; right after one, of the stretch that it closed."""
        steps = self.trainer.steps_done - self._logged[1]
        if not steps:
            return self._last_rate
        return steps * self.config.batch_tokens / (self._elapsed() if elapsed is None else elapsed)

    def _log(self, result: StepResult, control: Control) -> None:
        elapsed, flops = self._elapsed(), self.trainer.flops - self._flops_logged
        body: dict[str, Any] = {
            "step": self.trainer.steps_done,
            "seconds": round(control.seconds, 3),
            "tokens": self.trainer.tokens,
            "loss": control.loss,
            "lr_scale": round(result.scale, 6),
            "tokens_per_second": round(self._rate(elapsed), 1),
            "phase_seconds": {k: round(v, 3) for k, v in self.trainer.phases.seconds().items()},
            **self._utilisation(flops, elapsed).to_dict(),
        }
        if result.norm is not None:
            body["gradient_norm"] = float(result.norm)
            self._check_finite("gradient's norm", body["gradient_norm"])
        self.store.record("train.log", body)
        self._last_rate = body["tokens_per_second"]
        self._logged, self._flops_logged = (self.clock.seconds, self.trainer.steps_done), self.trainer.flops

    def _show_passes(self, task: Task, done: int, total: int) -> None:
        if self.clock.seconds - self._step_began > _LONG_STEP_SECONDS:
            task.advance(0, step=f"{self.trainer.steps_done + 1}", micro_batches=f"{done}/{total}")

    def _show(self, task: Task, **figures: float | str) -> None:
        done = (
            self.trainer.steps_done if self.config.steps else min(int(self._now()), math.ceil(self.config.seconds or 0))
        )
        task.advance(done - self._shown, **figures)
        self._shown = done
