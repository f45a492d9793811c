"""Tokens a second and model FLOPs utilisation, of the stretch since they were last logged."""

from golfctl.training.meters.training_clock import TrainingClock
from golfctl.training.meters.utilisation import Peak, Utilisation, utilisation
from golfctl.training.trainer import Trainer

_SHORTEST_SECONDS = 1e-9  # nothing is divided by less


class Throughput:
    """Follows a trainer by its clock; `peak` is what MFU refers to."""

    def __init__(self, trainer: Trainer, clock: TrainingClock, peak: Peak) -> None:
        self._trainer, self._clock, self._peak = trainer, clock, peak
        self._since_seconds, self._since_tokens, self._since_flops = clock.seconds, trainer.tokens, trainer.flops
        self._last = 0.0

    def tokens_per_second(self) -> float:
        """Since the last `read`; right after one, of the stretch that it closed."""
        tokens = self._trainer.tokens - self._since_tokens
        return tokens / self._elapsed(self._clock.seconds) if tokens else self._last

    def read(self) -> tuple[float, Utilisation]:
        """Tokens per second, and this process's MFU, since the last `read`; the next stretch begins."""
        now, trainer = self._clock.seconds, self._trainer
        elapsed = self._elapsed(now)
        self._last = (trainer.tokens - self._since_tokens) / elapsed
        used = utilisation(trainer.flops - self._since_flops, elapsed, trainer.group.world, self._peak)
        self._since_seconds, self._since_tokens, self._since_flops = now, trainer.tokens, trainer.flops
        return self._last, used

    def _elapsed(self, now: float) -> float:
        return max(now - self._since_seconds, _SHORTEST_SECONDS)
