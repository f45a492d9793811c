"""Signals that wait while something is begun that would be lost if an exception came in the middle."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held_back() -> Iterator[Callable[[], None]]:
    """Signals with a handler of Python's wait until the function that is yielded is called, or the block ends.

    In other threads than the main one no handler runs, so nothing has to wait there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {number: handler for number in _SIGNALS if callable(handler := signal.getsignal(number))}
    for number in before:
        signal.signal(number, note)

    def deliver() -> None:
        for number in list(before):
            signal.signal(number, before.pop(number))
        while came:
            signal.raise_signal(came.pop(0))

    try:
        yield deliver
    finally:
        deliver()
