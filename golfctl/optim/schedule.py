"""Schedules: learning-rate scale, momentum warm-up and weight-decay taper as plain functions of where a run stands."""

import math
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from golfctl.core.config import Config


class RunPoint(NamedTuple):
    """Where a run stands: steps done, seconds of training clock spent, and the budget, in one of the two."""

    step: int
    seconds: float
    total_steps: int | None
    total_seconds: float | None

    @property
    def fraction(self) -> float:
        """Share of the budget that is spent, from 0 to 1."""
        done = self.step / self.total_steps if self.total_steps else self.seconds / (self.total_seconds or math.inf)
        return min(max(done, 0.0), 1.0)

    @property
    def finished(self) -> bool:
        """Whether the budget is spent."""
        return self.fraction >= 1.0


class ScheduleConfig(Config):
    """Learning-rate scale over a run: warm-up ramp, plateau, warmdown.

    Exactly one of `warmdown_fraction` (of the budget, PR #1394) and `warmdown_steps` (PR #549: under a wall-clock
    budget the steps are turned into seconds by the mean step time so far) is in force; the latter when it is set.
    """

    warmup_steps: int = Field(default=0, ge=0)
    warmdown_fraction: float | None = Field(default=None, ge=0.0, le=1.0)
    warmdown_steps: int | None = Field(default=None, ge=0)
    shape: Literal["linear", "cosine"] = "linear"
    min_scale: float = Field(default=0.0, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _one_warmdown(self) -> "ScheduleConfig":
        if self.warmdown_fraction is not None and self.warmdown_steps is not None:
            raise ValueError("set warmdown_fraction or warmdown_steps, not both")
        return self

    def reaches(self, scale: float) -> bool:
        """Whether the warmdown ever goes below `scale`."""
        return self.min_scale < scale and self.warmdown_steps != 0 and self.warmdown_fraction != 0.0


_DEFAULT_WARMDOWN = 0.6


def learning_rate_scale(config: ScheduleConfig, point: RunPoint) -> float:
    """Factor on every learning rate for the step that `point.step` steps precede.

    The form by seconds is the contest's baseline's, the form by a share of the budget PR #1394's.
    """
    ramp = min(1.0, (point.step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    return ramp * warmdown_scale(config, point)


def warmdown_scale(config: ScheduleConfig, point: RunPoint) -> float:
    """The same without the warm-up ramp: what happens late in a run goes by this, since the ramp is small early on."""
    return max(_shape(config.shape, _remaining(config, point)), config.min_scale)


def _remaining(config: ScheduleConfig, point: RunPoint) -> float:
    """1 on the plateau, falling to 0 over the warmdown."""
    if config.warmdown_steps is not None:
        if point.total_steps is not None:
            left, span = float(point.total_steps - point.step), float(config.warmdown_steps)
        else:
            step_seconds = point.seconds / max(point.step, 1)
            left, span = (point.total_seconds or 0.0) - point.seconds, config.warmdown_steps * step_seconds
        return 1.0 if left > span or span == 0 else max(left, 0.0) / span
    share = _DEFAULT_WARMDOWN if config.warmdown_fraction is None else config.warmdown_fraction
    left = 1.0 - point.fraction
    return 1.0 if share == 0 or left > share else left / share


def _shape(shape: str, remaining: float) -> float:
    return remaining if shape == "linear" else 0.5 * (1.0 - math.cos(math.pi * remaining))


def ramp(start: float, end: float, steps: int, step: int) -> float:
    """Linear from `start` at step 0 to `end` at `steps`, constant after (momentum warm-up, PR #549)."""
    share = 1.0 if steps <= 0 else min(step / steps, 1.0)
    return (1.0 - share) * start + share * end


def taper(start_fraction: float, final: float, fraction: float) -> float:
    """Factor 1 until `start_fraction` of the budget, then linear to `final` at its end (weight decay, PR #1729)."""
    if fraction <= start_fraction or start_fraction >= 1.0:
        return 1.0
    return 1.0 + (final - 1.0) * (fraction - start_fraction) / (1.0 - start_fraction)
