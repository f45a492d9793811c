"""What a run would be, without running it: parameters, FLOPs, memory, packed size, time and cost."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from golfctl.core.progress import SILENT, Progress
from golfctl.core.recipe import Recipe
from golfctl.model.census import census
from golfctl.packing.measures import size_forecast as packing
from golfctl.training.banner import span
from golfctl.training.measuring import StepTime, measure_step
from golfctl.training.run.distributed import choose_threads, process_group, resolve_device
from golfctl.training.run.interrupt import GiveUp, stop_on_signals
from golfctl.training.setup import Setup, activation_bytes_per_token, check_shards, prepare

_COPIES = {"none": 4, "ema": 5, "swa": 5}  # fp32 per parameter: weight, gradient, at most two moments, average


@dataclass(frozen=True)
class Forecast:
    """Figures of a run before it starts; bytes and FLOPs are whole numbers."""

    parameters: int
    by_role: dict[str, int]
    flops_per_token: int
    flops_per_step: int
    state_bytes: int
    activation_bytes: int
    packed_bytes: int
    packed_error_bytes: int
    train_tokens: int
    steps: int | None
    seconds: float | None
    data_digest: str
    seconds_per_step: float
    measured: str
    steps_in_budget: int
    expected_seconds: float
    price_per_hour: float | None
    cost: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dict(self.__dict__)

    def rows(self) -> list[tuple[str, str]]:
        """For a table."""
        budget = f"{self.steps:,} steps" if self.steps else f"{self.seconds:g} s"
        return [
            ("parameters", f"{self.parameters:,}"),
            *((f"  {role}", f"{count:,}") for role, count in self.by_role.items()),
            ("training FLOPs per token", f"{self.flops_per_token:,}"),
            ("training FLOPs per step", f"{self.flops_per_step:,}"),
            ("memory, weights and optimizer (bytes)", f"{self.state_bytes:,}"),
            ("memory, activations (bytes, rough)", f"{self.activation_bytes:,}"),
            ("packed size (bytes, forecast)", f"{self.packed_bytes:,} ± {self.packed_error_bytes:,}"),
            ("training tokens in the data", f"{self.train_tokens:,}"),
            ("budget", budget),
            ("data digest", self.data_digest),
            ("time of a step", span(self.seconds_per_step)),
            ("  measured", self.measured),
            ("steps in the budget", f"{self.steps_in_budget:,}" if self.steps_in_budget else "none: it ends sooner"),
            ("training clock", span(self.expected_seconds)),
            *([] if self.cost is None else [(f"cost at {self.price_per_hour:g} an hour", f"{self.cost:.2f}")]),
        ]


def forecast(
    recipe: Recipe,
    data: Path,
    device: str = "auto",
    price_per_hour: float | None = None,
    progress: Progress = SILENT,
    give_up: GiveUp | None = None,
) -> Forecast:
    """Work out a run's size from its recipe and dataset, and measure for a short while how fast it would be here.

    The cost is that of the training clock, not of compiling before it and scoring after it. Under torchrun every rank
    calls this.

    Raises:
        InterruptedRun: asked to stop. What `prepare` raises.
    """
    chosen = resolve_device(device)
    setup = prepare(recipe, data, chosen)
    torch.set_num_threads(choose_threads(setup.train.threads))
    with (
        stop_on_signals(give_up) as stop,
        process_group(chosen, setup.train.rank_timeout_seconds) as group,
        stop.nothing_to_save(lambda: "while measuring; nothing was written"),
    ):
        if group.rank == 0:
            check_shards(setup.dataset, progress)
        measured = measure_step(setup, group, stop, progress if group.rank == 0 else SILENT)
    return _forecast(setup, measured, price_per_hour)


def _forecast(setup: Setup, measured: StepTime, price_per_hour: float | None) -> Forecast:
    counted = census(setup.spec)
    packed = packing.forecast(setup.spec, setup.pack, setup.dataset.tokenizer.proto)
    per_token = counted.flops_per_token(setup.train.sequence_length)
    steps, seconds = setup.train.steps, setup.train.seconds
    fit = int(seconds / measured.seconds) if seconds is not None else steps or 0
    lasts = max(seconds or 0.0, max(fit, 1) * measured.seconds)
    return Forecast(
        parameters=counted.parameters,
        by_role={str(role): count for role, count in counted.by_role.items()},
        flops_per_token=per_token,
        flops_per_step=per_token * setup.train.batch_tokens,
        state_bytes=counted.parameters * 4 * _COPIES[setup.train.average.kind],
        activation_bytes=_activation_bytes(setup),
        packed_bytes=packed.bytes,
        packed_error_bytes=packed.error_bytes,
        train_tokens=setup.dataset.train_tokens(),
        steps=steps,
        seconds=seconds,
        data_digest=setup.dataset.digest,
        seconds_per_step=measured.seconds,
        measured=measured.basis,
        steps_in_budget=fit,
        expected_seconds=lasts,
        price_per_hour=price_per_hour,
        cost=None if price_per_hour is None else price_per_hour * lasts / 3600,
    )


def _activation_bytes(setup: Setup) -> int:
    tokens = setup.micro_sequences(setup.train.batch_sequences) * setup.train.sequence_length
    return int(tokens * activation_bytes_per_token(setup.spec, setup.dtype))
