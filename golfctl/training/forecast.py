"""What a run would be, without running it: parameters, FLOPs, memory, packed size."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golfctl.core.recipe import Recipe
from golfctl.model.census import census
from golfctl.packing.measures import size_forecast as packing
from golfctl.training.run.distributed import resolve_device
from golfctl.training.setup import Setup, activation_bytes_per_token, prepare

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
        ]


def forecast(recipe: Recipe, data: Path, device: str = "auto") -> Forecast:
    """Work out a run's size from its recipe and dataset; raises what `prepare` raises."""
    setup = prepare(recipe, data, resolve_device(device))
    counted = census(setup.spec)
    packed = packing.forecast(setup.spec, setup.pack, setup.dataset.tokenizer.proto)
    length = setup.train.sequence_length
    per_token = counted.flops_per_token(length)
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
        steps=setup.train.steps,
        seconds=setup.train.seconds,
        data_digest=setup.dataset.digest,
    )


def _activation_bytes(setup: Setup) -> int:
    tokens = setup.micro_sequences(setup.train.batch_sequences) * setup.train.sequence_length
    return int(tokens * activation_bytes_per_token(setup.spec, setup.dtype))
