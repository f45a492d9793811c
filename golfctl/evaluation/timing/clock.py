"""Seconds per stage, and a deadline that work can ask about. Time comes in through here, never from globals."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Clock:
    """Adds up seconds by stage; `now` can be replaced in tests."""

    def __init__(self, now: Callable[[], float] = time.perf_counter, deadline_s: float | None = None) -> None:
        """`deadline_s` seconds from now, or none."""
        self.now = now
        self.begin = now()
        self.deadline_s = deadline_s
        self.seconds: dict[str, float] = {"load": 0.0, "score": 0.0, "adapt": 0.0}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time spent inside belongs to `name`."""
        begin = self.now()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + self.now() - begin

    def went_before(self, seconds: dict[str, float], total: float) -> None:
        """Count the seconds of an earlier part of the same work, by stage and in all."""
        for name, spent in seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
        self.begin -= total

    def total(self) -> float:
        """Seconds since this clock was made."""
        return self.now() - self.begin

    def report(self) -> dict[str, float]:
        """Seconds of loading, scoring, adapting and in total, to the millisecond.

        `total` is the strict clock (everything since this clock was made); `score + adapt` is the lenient one.
        """
        seconds = {name: self.seconds[name] for name in ("load", "score", "adapt")}
        return {name: round(s, 3) for name, s in {**seconds, "total": self.total()}.items()}
