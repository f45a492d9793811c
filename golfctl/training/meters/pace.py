"""How much slower the machine has become since the run began: what was measured then takes that much longer now."""

_MEMORY_STEPS = 8


class Pace:
    """Seconds a step: of the first steps, and a moving average of the latest."""

    def __init__(self) -> None:
        self._first_seconds, self._first_steps = 0.0, 0
        self._recent = 0.0

    def saw(self, seconds: float, steps: int) -> None:
        """`steps` steps took `seconds`."""
        if self._first_steps < _MEMORY_STEPS:
            self._first_seconds, self._first_steps = self._first_seconds + seconds, self._first_steps + steps
            self._recent = self._first
        elif steps:
            self._recent += (seconds / steps - self._recent) * min(1.0, steps / _MEMORY_STEPS)

    @property
    def _first(self) -> float:
        return self._first_seconds / max(self._first_steps, 1)

    @property
    def slowdown(self) -> float:
        """At least 1."""
        return max(1.0, self._recent / self._first) if self._first > 0 else 1.0
