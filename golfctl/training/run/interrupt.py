"""SIGINT, SIGTERM and SIGHUP: at once where nothing would be lost, else the loop saves and stops; a second one insists.

A SIGHUP that was ignored before (nohup) stays ignored. Python runs signal handlers between two of its own
instructions, so one long call into a library holds them back; a watch thread, which the kernel tells of signals
directly, ends the process where nothing would be lost and the main thread does not get round to it in time.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from golfctl.core.files import discard_unfinished
from golfctl.core.progress import Progress, Task
from golfctl.errors import InterruptedRun

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE_SECONDS = 1.2
_LEAVING = b"\0"  # no signal has this number

GiveUp = Callable[[str], None]
"""Ends the process with a last message; called from the watch thread."""


class Stopped(KeyboardInterrupt):
    """Raised inside `StopRequest.stoppable` once the run was asked to stop."""


class StopRequest:
    """Whether, and by which signal, the run was asked to stop."""

    def __init__(self) -> None:
        self.name: str | None = None
        self._grace: float | None = None  # seconds from a signal until Stopped is raised; None: it is not
        self._words: Callable[[], str] | None = None

    def __bool__(self) -> bool:
        return self.name is not None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Remember the first signal; the second raises KeyboardInterrupt."""
        if self.name is not None:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name
        self._begin_grace()

    def end_grace(self, number: int, frame: FrameType | None) -> None:
        """SIGALRM: raise Stopped, unless what was stoppable is done by now."""
        if self._grace is not None:
            raise Stopped

    @contextmanager
    def stoppable(self, grace_seconds: float = 0.0) -> Iterator[None]:
        """Work that may end anywhere: once the run is asked to stop it has `grace_seconds`, then Stopped is raised."""
        before = self._grace
        self._grace = grace_seconds if before is None else min(before, grace_seconds)
        try:
            if self:
                self._begin_grace()
            yield
        finally:
            self._grace = before

    def _begin_grace(self) -> None:
        if self._grace == 0.0:
            raise Stopped
        if self._grace is not None:
            signal.setitimer(signal.ITIMER_REAL, self._grace)

    @contextmanager
    def nothing_to_save(self, words: Callable[[], str]) -> Iterator[None]:
        """Stoppable work of which nothing need be kept; `words` say what is left of it.

        Whatever escapes after a signal is the interruption: libraries turn it into errors of their own.

        Raises:
            InterruptedRun: asked to stop.
        """
        self._words = words
        try:
            with self.stoppable():
                yield
        except BaseException as error:
            if not self:
                raise
            raise InterruptedRun(f"stopped by {self.name} {words()}") from error
        finally:
            self._words = None

    def dropped(self, number: int) -> str | None:
        """What to say if the process may end here and now after signal `number`; None where it may not."""
        words = self._words
        return None if words is None else f"stopped by {signal.Signals(number).name} {words()}"


@contextmanager
def stop_on_signals(give_up: GiveUp | None = None) -> Iterator[StopRequest]:
    """Catch the signals for the block (only in the main thread, where Python delivers them).

    `give_up` is called where nothing would be lost and the main thread does not answer in time; None: it is waited for.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    caught = [number for number in _SIGNALS if not (ignored and number == signal.SIGHUP)]
    before = {number: signal.signal(number, request.handle) for number in caught}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, request.end_grace)
    try:
        with _watched(request, give_up):
            yield request
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watched(request: StopRequest, give_up: GiveUp | None) -> Iterator[None]:
    """A thread beside the block that sees every signal the moment it comes."""
    if give_up is None:
        yield
        return
    ours, kernels = os.pipe()
    os.set_blocking(kernels, False)
    leaving = threading.Event()
    watch = threading.Thread(target=_watch, args=(ours, leaving, request, give_up), name="golfctl-signals", daemon=True)
    watch.start()
    before = signal.set_wakeup_fd(kernels, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        leaving.set()
        os.write(kernels, _LEAVING)
        watch.join()
        os.close(kernels)
        os.close(ours)


def _watch(signals: int, leaving: threading.Event, request: StopRequest, give_up: GiveUp) -> None:
    while (number := os.read(signals, 1)) != _LEAVING:
        if number[0] not in _SIGNALS or leaving.wait(_PATIENCE_SECONDS):
            continue
        if words := request.dropped(number[0]):
            discard_unfinished()
            give_up(words)


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
