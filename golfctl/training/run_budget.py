"""The budget of a run, in steps or in seconds of training clock, on which all ranks agree.

A budget in seconds ends early enough to do within it what follows the last step.
"""

from typing import NamedTuple

import torch

from golfctl.optim.collectives import Group
from golfctl.optim.schedule import RunPoint
from golfctl.training.config import TrainConfig
from golfctl.training.meters.pace import Pace
from golfctl.training.meters.training_clock import TrainingClock

_RESERVE_WRITES = 2.0
_RESERVE_STRETCH = 1.1
_STRETCH_FADES = 0.9
_SHORTEST_SECONDS = 1e-3


class Agreed(NamedTuple):
    """What all ranks agree on after a step: rank 0's clock and reserve, whether any was asked to stop, the loss."""

    seconds: float
    reserve: float
    stop: bool
    loss: float


class RunBudget:
    """How far a run may still go. `clock` is started by the loop.

    Seconds are kept back for `after_seconds` of work that follows the last step, for writing the checkpoint, which
    took `write_seconds` (the longest so far; the store's to tell), and for the stretch from one look to the next.
    """

    def __init__(
        self,
        config: TrainConfig,
        clock: TrainingClock,
        group: Group,
        device: torch.device,
        after_seconds: float,
        write_seconds: float,
    ) -> None:
        self.clock, self.write_seconds = clock, write_seconds
        self._config, self._group, self._device, self._after_seconds = config, group, device, after_seconds
        self._agreed_seconds, self._reserve = clock.seconds, after_seconds + _RESERVE_WRITES * write_seconds
        self._pace, self._stretch_seconds = Pace(), 0.0

    @property
    def seconds(self) -> float:
        """Spent, as every rank says: alone, the clock itself; else rank 0's at the last look."""
        return self.clock.seconds if self._group.world == 1 else self._agreed_seconds

    def point(self, step: int) -> RunPoint:
        """Where the run stands after `step` steps, as the schedule sees it."""
        budget = self._config.seconds
        left = None if budget is None else max(budget - self._reserve, _SHORTEST_SECONDS)
        return RunPoint(step, self.seconds, self._config.steps, left)

    def spent(self, step: int) -> bool:
        """Whether no step follows the first `step`."""
        return self.point(step).finished

    def agree(self, loss: float, stop: bool) -> Agreed:
        """One small sum over ranks; without other ranks, plain host values.

        `loss` is this rank's share of the mean loss. Reading it waited for the device, so the clock tells the truth.
        """
        look = Agreed(self.clock.seconds, self._needed(), stop, loss)
        if self._group.world > 1:
            look = self._summed(look)
        self._agreed_seconds, self._reserve = look.seconds, look.reserve
        return look

    def _summed(self, mine: Agreed) -> Agreed:
        times = [mine.seconds, mine.reserve] if self._group.rank == 0 else [0.0, 0.0]
        shared = torch.tensor([*times, float(mine.stop), mine.loss], dtype=torch.float64, device=self._device)
        self._group.all_reduce(shared).wait()
        seconds, reserve, stops, loss = shared.tolist()
        return Agreed(seconds, reserve, stops > 0, loss)

    def _needed(self) -> float:
        after = self._after_seconds + _RESERVE_WRITES * self.write_seconds
        return self._pace.slowdown * after + _RESERVE_STRETCH * self._stretch_seconds

    def saw(self, seconds: float, steps: int) -> None:
        """A stretch of `steps` steps, from one look to the next, took `seconds`."""
        self._stretch_seconds = max(seconds, _STRETCH_FADES * self._stretch_seconds)
        self._pace.saw(seconds, steps)
