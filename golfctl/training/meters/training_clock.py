"""The training clock: seconds that count against the budget. Warm-up and held-out evaluation run outside it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class TrainingClock:
    """A stopwatch that starts from a saved elapsed time and can be paused."""

    def __init__(self, spent: float = 0.0, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._spent = spent
        self._since: float | None = None

    def start(self) -> None:
        """Let it run."""
        if self._since is None:
            self._since = self._now()

    @property
    def seconds(self) -> float:
        """Seconds spent so far."""
        return self._spent + (self._now() - self._since if self._since is not None else 0.0)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do something that the budget does not pay for."""
        running = self._since is not None
        self._spent, self._since = self.seconds, None
        try:
            yield
        finally:
            if running:
                self.start()
