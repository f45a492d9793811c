"""The `[train]` table of a recipe."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from golfctl.core.config import Config
from golfctl.core.machine.variables import MOST_THREADS
from golfctl.optim.muon import MuonConfig
from golfctl.optim.schedule import ScheduleConfig
from golfctl.optim.step import AdamConfig, ClipConfig
from golfctl.packing.hessians.wording import parse_calibration
from golfctl.training.qat import QatConfig


class AverageConfig(Config):
    """What is deployed: the last weights, their exponential average, or an equal average of late snapshots.

    `swa` takes a snapshot every `every` steps once the warmdown's scale is below `below_scale`; `ema` takes every
    step. The average is what checkpoints hold.
    """

    kind: Literal["none", "ema", "swa"] = "ema"
    decay: float = Field(default=0.997, ge=0.0, lt=1.0)
    warm: bool = Field(
        default=True, description="EMA: smaller factors at first, so that short runs forget their start."
    )
    every: int = Field(default=50, ge=1)
    below_scale: float = Field(default=0.2, gt=0.0, le=1.0)


class TaperConfig(Config):
    """Weight decay of the matrices falls linearly to `final` times its value, from `start` of the budget on."""

    start: float = Field(default=1.0, ge=0.0, le=1.0)
    final: float = Field(default=1.0, ge=0.0)


class TrainConfig(Config):
    """How a model is trained; the budget is `steps` or `seconds` of training clock, exactly one of them."""

    steps: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0.0)
    batch_tokens: int = Field(default=16384, ge=1)
    sequence_length: int = Field(default=256, ge=2)
    micro_batch_tokens: int | None = Field(default=None, ge=1, description="None: chosen by the device's memory.")
    seed: int = Field(default=1, ge=0)
    dtype: Literal["auto", "float32", "bfloat16", "float64"] = "auto"
    compile: bool = False
    threads: int | None = Field(
        default=None, ge=1, le=MOST_THREADS, description="None: every core this process may use."
    )
    checkpoint_seconds: float = Field(default=60.0, gt=0.0)
    keep_checkpoints: int = Field(default=2, ge=1)
    log_every: int = Field(default=10, ge=1)
    held_out_tokens: int = Field(default=65536, ge=0, description="Tokens of the held-out loss at the end; 0 for none.")
    node_benchmark_seconds: float | None = Field(default=None, ge=0.0, description="None: 10 on a GPU, else 0.3.")
    rank_timeout_seconds: float = Field(default=300.0, gt=0.0, description="A rank silent for this long is lost.")
    unbanked: Literal["adam", "muon"] = "adam"
    recurrence_start: float = Field(
        default=0.0, ge=0.0, le=1.0, description="Share of the budget after which the model's repeated layers loop."
    )
    schedule: ScheduleConfig = ScheduleConfig()
    muon: MuonConfig = MuonConfig()
    adam: AdamConfig = AdamConfig()
    clip: ClipConfig = ClipConfig()
    average: AverageConfig = AverageConfig()
    decay_taper: TaperConfig = TaperConfig()
    qat: QatConfig = QatConfig()
    calibration: str = Field(
        default="none",
        description="Statistics for packing, collected on the training clock: none, or train:TOKENS.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "TrainConfig":
        if (self.steps is None) == (self.seconds is None):
            raise ValueError("set exactly one of steps and seconds: the budget of the run")
        if self.batch_tokens % self.sequence_length:
            raise ValueError(
                f"batch_tokens {self.batch_tokens} is not a multiple of sequence_length {self.sequence_length}"
            )
        if self.micro_batch_tokens is not None and self.micro_batch_tokens % self.sequence_length:
            raise ValueError(
                f"micro_batch_tokens {self.micro_batch_tokens} is not a multiple of "
                f"sequence_length {self.sequence_length}"
            )
        self._late_things_happen()
        return self

    def _late_things_happen(self) -> None:
        late = []
        if self.qat.rounding != "none":
            late.append(("qat", self.qat.below_scale))
        if self.average.kind == "swa":
            late.append(("average", self.average.below_scale))
        for name, scale in late:
            if not self.schedule.reaches(scale):
                raise ValueError(
                    f"{name} would never begin: the schedule does not fall below its below_scale = {scale:g}"
                )

    @field_validator("calibration")
    @classmethod
    def _calibration_parses(cls, text: str) -> str:
        if parse_calibration(text).source == "self":
            raise ValueError("calibration 'self' touches no training data: ask `golfctl pack` for it")
        return text

    @property
    def batch_sequences(self) -> int:
        """Sequences of one optimizer step, over all ranks."""
        return self.batch_tokens // self.sequence_length
