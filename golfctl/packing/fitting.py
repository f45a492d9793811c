"""`pack --fit`: turn one knob until the artifact lands just under its budget. Search effort is counted in packings.

The knob is the entropy quantiser's estimated loss, or the K of `sd:K`; steps grow with √loss and with K. Bytes fall by
one bit per weight and doubling of the step where steps are fine, so the search is a secant of the logarithms.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from golfctl.core.progress import SILENT, Progress
from golfctl.errors import BudgetError
from golfctl.packing.config import PackConfig
from golfctl.packing.packer import Packed
from golfctl.quant.options import parse_clip

MOST_PACKINGS = 12
_GOAL = 0.998  # of the room: what the search aims at
_GOOD = 0.996  # of the room: close enough to stop (the promise is 0.995)
_LOSSES = (1e-9, 50.0)
_CLIPS = (0.5, 400.0)


class Knob(NamedTuple):
    """One global setting as a number on a logarithmic scale; a larger value gives a smaller file."""

    apply: Callable[[float], PackConfig]
    start: float
    low: float
    high: float
    name: str

    def label(self, value: float) -> str:
        """How the setting is written."""
        return f"{self.name} {2**value:.4g}"


def knob_of(config: PackConfig) -> Knob:
    """The knob that `config.fit` turns."""
    unfitted = {"fit": False, "margin": 0}
    if config.method == "entropy":

        def with_loss(value: float) -> PackConfig:
            return config.model_copy(update={**unfitted, "quantizer": "entropy", "loss": 2**value})

        return Knob(with_loss, math.log2(1e-3), math.log2(_LOSSES[0]), math.log2(_LOSSES[1]), "loss")

    def with_clip(value: float) -> PackConfig:
        embed = {"clip_embed": f"sd:{2**value * _embedding_ratio(config):.6g}"}
        return config.model_copy(update={**unfitted, "clip": f"sd:{2**value:.6g}", **embed})

    start = parse_clip(config.clip or "sd").value or 1.0
    return Knob(with_clip, math.log2(start), math.log2(_CLIPS[0]), math.log2(_CLIPS[1]), "clip sd")


def fit(
    knob: Knob,
    pack: Callable[[PackConfig], Packed],
    room_bytes: int,
    weights: int,
    progress: Progress = SILENT,
) -> Packed:
    """The packing that uses most of `room_bytes` without exceeding it; at most `MOST_PACKINGS` are tried.

    Raises:
        BudgetError: the coarsest setting is still too large.
    """
    tried: dict[float, Packed] = {}
    value = knob.start
    while len(tried) < MOST_PACKINGS:
        packed = tried[value] = pack(knob.apply(value))
        progress.say(f"fit {len(tried)}: {knob.label(value)} gives {packed.counted_bytes:,} of {room_bytes:,} bytes")
        if _GOOD * room_bytes <= packed.counted_bytes <= room_bytes:
            return packed
        next_value = _next(knob, {v: p.counted_bytes for v, p in tried.items()}, room_bytes, weights)
        if next_value is None:
            break
        value = next_value
    fitting = [packed for packed in tried.values() if packed.counted_bytes <= room_bytes]
    if not fitting:
        smallest = min(packed.counted_bytes for packed in tried.values())
        raise BudgetError(
            f"nothing fits: the coarsest setting tried takes {smallest:,} bytes, there is room for {room_bytes:,};"
            " take a smaller model or a larger budget"
        )
    return max(fitting, key=lambda packed: packed.counted_bytes)


def _next(knob: Knob, tried: dict[float, int], room_bytes: int, weights: int) -> float | None:
    """Where to look next: between the nearest settings on either side, else along the slope; None at an end."""
    goal = math.log(_GOAL * room_bytes)
    sizes = {value: math.log(size) for value, size in tried.items()}
    above = sorted(value for value, size in tried.items() if size > room_bytes)
    below = sorted(value for value, size in tried.items() if size <= room_bytes)
    if above and below:
        low, high = above[-1], below[0]
        share = (sizes[low] - goal) / (sizes[low] - sizes[high])
        return low + min(max(share, 0.1), 0.9) * (high - low)
    nearest, *others = above[::-1] or below
    if others and sizes[nearest] != sizes[others[0]]:
        slope = (sizes[nearest] - sizes[others[0]]) / (nearest - others[0])
        step = 1.25 * (goal - sizes[nearest]) / slope  # a little too far, so that the next ones are between
    else:
        octave_bytes = weights / 8 * (0.5 if knob.name == "loss" else 1.0)
        step = (tried[nearest] - math.exp(goal)) / octave_bytes
    reached = min(max(nearest + step, knob.low), knob.high)
    return reached if reached not in tried else None


def _embedding_ratio(config: PackConfig) -> float:
    """K of embeddings per K of matrices, as the table gives them."""
    embedding, matrix = parse_clip(config.clip_embed or "sd:20"), parse_clip(config.clip or "sd")
    return (embedding.value or 20.0) / (matrix.value or 12.85)
