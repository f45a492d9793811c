"""SIGINT, SIGTERM and SIGHUP ask the loop to save and stop; a second one stops at once.

A SIGHUP that was ignored before (nohup) stays ignored.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from golfctl.core.progress import Progress, Task
from golfctl.errors import InterruptedRun

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Whether, and by which signal, the run was asked to stop."""

    def __init__(self) -> None:
        self.name: str | None = None

    def __bool__(self) -> bool:
        return self.name is not None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Remember the first signal; the second raises KeyboardInterrupt."""
        if self.name is not None:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Catch the signals for the block (only in the main thread, where Python delivers them)."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    caught = [number for number in _SIGNALS if not (ignored and number == signal.SIGHUP)]
    before = {number: signal.signal(number, request.handle) for number in caught}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StoppableProgress:
    """Reports to `progress`; a task under way ends with InterruptedRun once `stop` was asked for.

    For work that only one rank does: nobody waits for it.
    """

    def __init__(self, progress: Progress, stop: StopRequest, message: str) -> None:
        self._progress, self._stop, self._message = progress, stop, message

    @contextmanager
    def task(self, label: str, total: int | None, unit: str) -> Iterator[Task]:
        """As the other reporter's."""
        self.check()
        with self._progress.task(label, total, unit) as task:
            yield _StoppableTask(task, self)

    def say(self, message: str) -> None:
        """As the other reporter's."""
        self._progress.say(message)

    def check(self) -> None:
        """Raise InterruptedRun if the run was asked to stop."""
        if self._stop:
            raise InterruptedRun(f"stopped by {self._stop.name} {self._message}")


class _StoppableTask:
    def __init__(self, task: Task, progress: StoppableProgress) -> None:
        self._task, self._owner = task, progress

    def advance(self, amount: int = 1, **figures: float | str) -> None:
        """As the other reporter's, or the end."""
        self._owner.check()
        self._task.advance(amount, **figures)
