"""`pack --fit`: spread a byte budget over the tensors, so that the artifact lands just under it.

The survey says what every tensor's bytes and loss would be at other settings, the allocation picks one setting each; a
real packing then shows what the coder makes of them, tensor by tensor, and the next allocation knows it.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from golfctl.artifact import tensor_bytes
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import BudgetError
from golfctl.model.roles import Role
from golfctl.model.weights.names import roles_by_name
from golfctl.packing.config import PackConfig
from golfctl.packing.fit.allocation import Point, allocate
from golfctl.packing.fit.survey import Dial, Survey, dial_of, scaled
from golfctl.packing.packer import Packed, Packer
from golfctl.quant.scheme_options import parse_clip

MOST_PACKINGS = 6
_GOAL = 0.9996  # of the room: what an allocation aims at
_GOOD = 0.999  # of the room: close enough to stop
_SIDE_SHARE = 0.02  # of the room: a first guess at what is no code

Curves = Mapping[str, Sequence[Point]]


def fit(packer: Packer, config: PackConfig, room_bytes: int, progress: Progress = SILENT) -> Packed:
    """The best packing found in `room_bytes`; its `config` names every tensor's setting and gives the same bytes again.

    Raises:
        BudgetError: the coarsest settings are still too large.
    """
    dial = dial_of(config)
    survey = Survey(packer, dial, progress)
    factors: dict[str, float] = {}
    best: Packed | None = None
    tried: dict[tuple[float, ...], int] = {}
    beside, goal, off = _SIDE_SHARE * room_bytes, _GOAL, 1.0
    while len(tried) < MOST_PACKINGS:
        curves = scaled(survey.curves((room_bytes - beside) / off), factors)
        chosen = allocate(curves, goal * room_bytes - beside) or _smallest(curves)
        settings = {name: point.setting for name, point in chosen.items()}
        if (key := tuple(settings.values())) in tried:
            break
        packed = packer.pack(_config(packer, dial, settings))
        tried[key] = packed.counted_bytes
        progress.say(f"fit {len(tried)}: {packed.counted_bytes:,} of {room_bytes:,} bytes, {_expected(chosen)}")
        if packed.counted_bytes > room_bytes:
            goal -= 1 - _GOAL
        elif best is None or packed.counted_bytes > best.counted_bytes:
            best = packed
            if packed.counted_bytes >= _GOOD * room_bytes:
                break
        off *= _off(packed, chosen)
        factors, beside = _learned(packed, chosen, factors)
    if best is None:
        raise BudgetError(
            f"nothing fits: the coarsest setting tried takes {min(tried.values()):,} bytes, there is room for"
            f" {room_bytes:,}; take a smaller model or a larger budget"
        )
    return best


def _learned(packed: Packed, chosen: Mapping[str, Point], factors: Mapping[str, float]) -> tuple[dict[str, float], int]:
    """What each tensor's codes took over what the rate model said, and the bytes of all that is no code."""
    sizes = _code_bytes(packed)
    beside = packed.counted_bytes - sum(sizes[name] for name in chosen)
    return {name: factors.get(name, 1.0) * sizes[name] / point.bytes for name, point in chosen.items()}, beside


def _off(packed: Packed, chosen: Mapping[str, Point]) -> float:
    """What all codes together took over what was expected."""
    sizes = _code_bytes(packed)
    return sum(sizes[name] for name in chosen) / sum(point.bytes for point in chosen.values())


def _code_bytes(packed: Packed) -> dict[str, int]:
    """Bytes of each tensor's own streams."""
    return {name: size.bytes - size.shared_bytes for name, size in tensor_bytes(packed.artifact).items()}


def _smallest(curves: Curves) -> dict[str, Point]:
    return {name: min(points, key=lambda point: point.bytes) for name, points in curves.items()}


def _expected(chosen: Mapping[str, Point]) -> str:
    return f"estimated loss {sum(point.loss for point in chosen.values()):.3g}"


def _config(packer: Packer, dial: Dial, settings: Mapping[str, float]) -> PackConfig:
    """The dial's configuration at `settings`: the usual one as the common knob, and by name what differs from it."""
    if dial.smooth:
        usual = statistics.median_low(settings.values())
        own = {name: setting - usual for name, setting in settings.items() if setting != usual}
        return dial.config.model_copy(update={**_turned(dial.config, usual), "tensors": own})
    roles = roles_by_name(packer.checkpoint.spec)
    update: dict[str, Any] = {}
    for key, matrix in (("bits", True), ("bits_embed", False)):
        if group := [bits for name, bits in settings.items() if (roles[name] is Role.MATRIX) == matrix]:
            update[key] = int(statistics.mode(group))
    usual_bits = {name: update["bits" if roles[name] is Role.MATRIX else "bits_embed"] for name in settings}
    own = {name: bits for name, bits in settings.items() if bits != usual_bits[name]}
    return dial.config.model_copy(update={**update, "tensors": own})


def _turned(config: PackConfig, octaves: float) -> dict[str, Any]:
    """The common knob with all steps `octaves` larger."""
    if config.method == "entropy":
        return {"loss": float(f"{config.target_loss * 4.0**octaves:.6g}")}
    clips = {key: parse_clip(text) for key, text in (("clip", config.clip), ("clip_embed", config.clip_embed)) if text}
    return {
        key: f"sd:{clip.value * 2.0**octaves:.6g}" for key, clip in clips.items() if clip.rule == "sd" and clip.value
    }
