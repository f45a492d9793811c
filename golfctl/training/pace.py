"""How much slower the machine is than it was at its best: what was measured then takes that much longer now."""

_MEMORY_STEPS = 8.0


class Pace:
    """A moving average of seconds a step, and the least it has been."""

    def __init__(self) -> None:
        self._recent: float | None = None
        self._best = 0.0

    def saw(self, seconds: float, steps: int) -> None:
        """`steps` steps took `seconds`."""
        now = seconds / max(steps, 1)
        if self._recent is None:
            self._recent = self._best = now
        self._recent += (now - self._recent) * min(1.0, steps / _MEMORY_STEPS)
        self._best = min(self._best, self._recent)

    @property
    def slowdown(self) -> float:
        """At least 1."""
        return self._recent / self._best if self._recent and self._best > 0 else 1.0
