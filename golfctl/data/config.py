"""The `[data]` table of a recipe."""

from typing import Literal, Self

from pydantic import Field, model_validator

from golfctl.core.config import Config


class DataConfig(Config):
    """Which text a run learns from, and in what order.

    `path` is a dataset folder; without it the embedded corpus is used. `slices` belongs to the sequential and packed
    orders: the consecutive pieces a step's tokens come from, each with one token that is target only (the contest's
    programs use 8 whatever the number of ranks).
    """

    path: str | None = None
    loader: Literal["sequential", "shuffled", "coprime", "packed"] = "shuffled"
    slices: int = Field(default=1, ge=1)
    prefetch: int = Field(default=2, ge=0, description="batches prepared ahead by a thread; 0: none")

    @model_validator(mode="after")
    def _no_option_without_effect(self) -> Self:
        if self.slices != 1 and self.loader not in ("sequential", "packed"):
            raise ValueError(f"slices has no effect on the {self.loader} loader")
        return self
