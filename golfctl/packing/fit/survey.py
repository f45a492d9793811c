"""Rate–distortion curves: what each tensor's bytes and loss would be at other settings, without coding anything.

Bytes come from the rate model of the project's own coder (`golfctl.coding.rans.rate`), losses from the second-order
estimate, scaled per tensor by what one measured change really cost (`golfctl.packing.fit.sensitivity`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from golfctl.coding.rans.rate import estimate_bits
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import NumericsError
from golfctl.packing.assignment import Assignment, adjustable, assign
from golfctl.packing.config import OCTAVE_LIMIT, PackConfig
from golfctl.packing.fit.allocation import Point
from golfctl.packing.fit.sensitivity import Probe
from golfctl.packing.packer import Packer
from golfctl.packing.quantising import informative, quantize_tensor
from golfctl.quant import dequantize
from golfctl.quant.stats import estimated_loss

_SPACING = 0.5  # octaves between the settings that are measured
_FINE = 16  # settings per octave that are chosen from
_FINEST_OCTAVES = 10  # below the start: a millionth of its loss, which float32 log-probabilities no longer show
_LEAST_LOSS = 1e-30


class Dial(NamedTuple):
    """What is turned, per tensor. rungs: settings to measure, coarsest first; first: those measured in any case;
    smooth: whether settings between the rungs exist."""

    config: PackConfig
    rungs: tuple[float, ...]
    first: tuple[float, ...]
    smooth: bool


def dial_of(config: PackConfig) -> Dial:
    """The dial of a configuration that asks for `fit`: octaves of the step, or bits."""
    if not config.in_octaves:
        return Dial(config.fitted(), tuple(map(float, range(2, 9))), (5.0, 6.0, 7.0, 8.0), False)
    clip = {} if config.method == "entropy" or config.clip_embed else {"clip_embed": "sd:20"}
    coarsest, finest = (round(octaves / _SPACING) for octaves in (OCTAVE_LIMIT, _FINEST_OCTAVES))
    rungs = tuple(_SPACING * k for k in range(coarsest, -finest - 1, -1))
    return Dial(config.fitted(**clip), rungs, (0.0,), True)


class Survey:
    """Measured points of every tensor that can be adjusted, by setting."""

    def __init__(self, packer: Packer, dial: Dial, progress: Progress = SILENT) -> None:
        """Nothing is measured yet.

        Raises:
            NumericsError: no tensor that calibration says anything about.
        """
        self._packer, self._dial, self._progress = packer, dial, progress
        usable = [one for one in assign(packer.checkpoint.spec, dial.config) if adjustable(one)]
        self.names = [one.name for one in usable if informative(packer.calibration.stats.get(one.name))]
        if not self.names:
            raise NumericsError("nothing to fit: calibration saw no gradient or no input of any tensor; train first")
        self.weights = sum(packer.checkpoint.tensors[name].numel() for name in self.names)
        self._points: dict[float, dict[str, Point]] = {}
        self._too_fine: set[float] = set()
        self._ratios: dict[str, float] | None = None

    def curves(self, room_bytes: float) -> dict[str, list[Point]]:
        """Points by tensor around the common setting whose codes take `room_bytes`."""
        for setting in self._dial.first:
            self._measure(setting)
        used = sorted(self._bracket(room_bytes), key=self._dial.rungs.index)
        found = {name: [self._points[setting][name] for setting in used] for name in self.names}
        return {name: smoothed(points) for name, points in found.items()} if self._dial.smooth else found

    def _bracket(self, room_bytes: float) -> set[float]:
        """Settings measured on either side of the room, two on each where there are that many."""
        rungs = self._dial.rungs
        low, high = -1, len(rungs)  # the finest known to fit, the coarsest known not to
        for at, setting in enumerate(rungs):
            if setting in self._points:
                low, high = (at, high) if self._total(at) <= room_bytes else (low, min(at, high))
        while high - low > 1:
            at = self._guess(low, high, room_bytes)
            low, high = (at, high) if self._total(at) <= room_bytes else (low, at)
        near = range(max(low - 1, 0), min(low + 3, len(rungs)))
        wanted = {rungs[at] for at in near if math.isfinite(self._total(at))}
        return wanted if self._dial.smooth else set(self._points)

    def _guess(self, low: int, high: int, room_bytes: float) -> int:
        """Where the room lies if a rung is worth its difference in bits per weight; between what is known."""
        rungs = self._dial.rungs
        known = low if low >= 0 else high
        bits = 8 * (room_bytes - self._total(known)) / self.weights
        return min(max(known + round(bits / abs(rungs[0] - rungs[1])), low + 1), high - 1)

    def _total(self, at: int) -> float:
        """Bytes of all codes at a rung; infinite where a step is too fine for its codes."""
        setting = self._dial.rungs[at]
        if setting in self._too_fine:
            return math.inf
        try:
            self._measure(setting)
        except NumericsError:  # what is wrong with the weights themselves was raised by the first rungs
            self._too_fine.add(setting)
            return math.inf
        return sum(point.bytes for point in self._points[setting].values())

    def _measure(self, setting: float) -> None:
        if setting in self._points:
            return
        config = self._dial.config.model_copy(update={"tensors": dict.fromkeys(self.names, setting)})
        chosen = [one for one in assign(self._packer.checkpoint.spec, config) if one.name in set(self.names)]
        probe = None if self._ratios is not None else self._packer.probe()
        ratios, points = {} if self._ratios is None else self._ratios, {}
        with self._progress.task(f"surveying {setting:g}", len(chosen), "tensor") as task:
            for one in chosen:
                points[one.name] = self._point(one, setting, ratios, probe)
                task.advance()
        self._points[setting], self._ratios = points, ratios

    def _point(self, one: Assignment, setting: float, ratios: dict[str, float], probe: Probe | None) -> Point:
        stats = self._packer.calibration.stats[one.name]
        quantized = quantize_tensor(one, self._packer.checkpoint, stats)
        decoded = torch.from_numpy(dequantize(quantized.scheme, quantized.shape, quantized.parts))
        loss = estimated_loss(decoded - self._packer.checkpoint.tensors[one.name].float(), stats)
        if one.name not in ratios:
            ratios[one.name] = probe.ratio(one.name, decoded, loss) if probe else 1.0
        return Point(setting, estimate_bits(quantized.parts["codes"]) / 8, max(loss, _LEAST_LOSS) * ratios[one.name])


def smoothed(points: Sequence[Point]) -> list[Point]:
    """Points at every sixteenth of an octave in the range of those given: bytes and log-loss as parabolas."""
    settings = np.array([point.setting for point in points])
    degree = min(2, len(points) - 1)
    sizes = np.polyfit(settings, [point.bytes for point in points], degree)
    losses = np.polyfit(settings, [np.log2(point.loss) for point in points], degree)
    fine = np.arange(round(settings.min() * _FINE), round(settings.max() * _FINE) + 1) / _FINE
    return [Point(float(x), float(np.polyval(sizes, x)), float(2 ** np.polyval(losses, x))) for x in fine]


def scaled(curves: Mapping[str, Sequence[Point]], factors: Mapping[str, float]) -> dict[str, list[Point]]:
    """Curves with each tensor's bytes times its factor (what its real coder took over what the rate model said)."""
    return {
        name: [point._replace(bytes=point.bytes * factors.get(name, 1.0)) for point in points]
        for name, points in curves.items()
    }
