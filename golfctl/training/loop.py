"""The loop: steps until the budget is spent, with a log, checkpoints on a clock, and a clean end for every cause."""

import math
from pathlib import Path
from typing import Any, NoReturn

from golfctl.core.progress import Progress, Task
from golfctl.errors import InterruptedRun, NumericsError
from golfctl.training.banner import still_to_go
from golfctl.training.meters.throughput import Throughput
from golfctl.training.meters.training_clock import TrainingClock
from golfctl.training.meters.utilisation import Peak, Utilisation, utilisation
from golfctl.training.run.interrupt import Stopped, StopRequest
from golfctl.training.run.store import Store
from golfctl.training.run_budget import Agreed, RunBudget
from golfctl.training.trainer import StepResult, Trainer

LOOK_EVERY = {"cpu": 1}  # steps between looks at the loss; accelerators run ahead of the host
_LOOK_EVERY_DEFAULT = 8
_FORETOLD_AFTER_STEPS, _FORETOLD_AFTER_SECONDS = 3, 5.0
_LONG_STEP_SECONDS = 10.0  # shows its micro-batches
_NO_PEAK = Peak(None, "no peak was asked for")


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
        self.trainer, self.store, self.stop, self.progress, self.peak = trainer, store, stop, progress, peak
        self.config, device = trainer.setup.train, trainer.setup.device
        self.budget = RunBudget(self.config, clock, trainer.group, device, calibration_seconds, store.write_seconds)
        self.throughput = Throughput(trainer, clock, peak)
        self.last_loss: float | None = None
        self._look_every = LOOK_EVERY.get(device.type, _LOOK_EVERY_DEFAULT)
        self._began_seconds = self._saved_seconds = self._sealed_seconds = self._step_began = clock.seconds
        self._first_step = trainer.steps_done
        self._shown, self._foretold = 0, False

    def run(self) -> None:
        """Train until the budget is spent, then seal the final checkpoint, all on the training clock.

        Raises:
            InterruptedRun: asked to stop; the state is saved. NumericsError: the loss is not finite.
        """
        total = self.config.steps or math.ceil(self.config.seconds or 0)
        with self.progress.task("train", total, "steps" if self.config.steps else "s") as task:
            self.budget.clock.start()
            self._show(task)
            self.trainer.on_pass = lambda done, total: self._show_passes(task, done, total)
            unseen, looked = None, (self.budget.clock.seconds, self.trainer.steps_done)
            while not self.budget.spent(self.trainer.steps_done):
                unseen = self._step()
                if self._due():
                    self._look(unseen, task)
                    unseen, looked = None, self._stretch_since(*looked)
            if unseen is not None:  # the budget was spent between two looks
                self._look(unseen, task)
        self._save()

    def _step(self) -> StepResult:
        self._step_began = self.budget.clock.seconds
        try:
            return self.trainer.step(self.budget.point(self.trainer.steps_done))
        except Stopped:
            self._stop()

    def _due(self) -> bool:
        """Whether the host looks at this step's loss, which waits for the device: every few steps and for the log."""
        step = self.trainer.steps_done
        return step % self._look_every == 0 or step % self.config.log_every == 0

    def _look(self, result: StepResult, task: Task) -> None:
        """Wait for the step's loss, and do what is due: log, stop, save, show."""
        look = self.budget.agree(float(result.loss), bool(self.stop))
        self.last_loss = look.loss
        self._check_finite("loss", look.loss)
        step = self.trainer.steps_done
        if step % self.config.log_every == 0 or look.stop or self.budget.spent(step):
            self._log(result, look)
        if look.stop:
            self._stop()
        if look.seconds - self._saved_seconds >= self.config.checkpoint_seconds:
            self._save()
        self._show(task, loss=look.loss, tok_s=self.throughput.tokens_per_second())
        self._foretell(look.seconds)

    def _stretch_since(self, seconds: float, steps: int) -> tuple[float, int]:
        """Tell the budget what the steps since a look have cost; returns where the next stretch begins."""
        now, done = self.budget.clock.seconds, self.trainer.steps_done
        self.budget.saw(now - seconds, done - steps)
        return now, done

    def utilisation(self) -> Utilisation:
        """MFU of this process up to the last save: over the training clock, earlier saves included."""
        seconds = self._sealed_seconds - self._began_seconds
        return utilisation(self.trainer.flops, seconds, self.trainer.group.world, self.peak)

    def _foretell(self, now: float) -> None:
        """Say once what is still to come, as soon as a few steps tell."""
        steps, seconds = self.trainer.steps_done - self._first_step, now - self._began_seconds
        if not self._foretold and (steps >= _FORETOLD_AFTER_STEPS or seconds >= _FORETOLD_AFTER_SECONDS):
            self._foretold = True
            self.progress.say(still_to_go(self.config, self.trainer.steps_done, seconds / steps, now))

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

    def _save(self) -> Path:
        self._saved_seconds, self._sealed_seconds = self.budget.seconds, self.budget.clock.seconds
        path = self.store.save(self.trainer, self._sealed_seconds)
        self.budget.write_seconds = self.store.write_seconds
        return path

    def _log(self, result: StepResult, look: Agreed) -> None:
        tokens_per_second, used = self.throughput.read()
        body: dict[str, Any] = {
            "step": self.trainer.steps_done,
            "seconds": round(look.seconds, 3),
            "tokens": self.trainer.tokens,
            "loss": look.loss,
            "lr_scale": round(result.scale, 6),
            "tokens_per_second": round(tokens_per_second, 1),
            "phase_seconds": {k: round(v, 3) for k, v in self.trainer.phases.seconds().items()},
            **used.to_dict(),
        }
        if result.norm is not None:
            body["gradient_norm"] = float(result.norm)
            self._check_finite("gradient's norm", body["gradient_norm"])
        self.store.record("train.log", body)

    def _show_passes(self, task: Task, done: int, total: int) -> None:
        if self.budget.clock.seconds - self._step_began > _LONG_STEP_SECONDS:
            task.advance(0, step=f"{self.trainer.steps_done + 1}", micro_batches=f"{done}/{total}")

    def _show(self, task: Task, **figures: float | str) -> None:
        spent = min(int(self.budget.seconds), math.ceil(self.config.seconds or 0))
        done = self.trainer.steps_done if self.config.steps else spent
        task.advance(done - self._shown, **figures)
        self._shown = done
