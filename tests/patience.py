"""How a test waits for another process: for what must come true, never for a moment. The limit only ends a hang."""

import os
import socket
import time
from contextlib import contextmanager

HANG_SECONDS = 1800.0
"""Far beyond what a busy machine, or one that stood still for minutes, can need."""
FOREVER_SECONDS = 4 * HANG_SECONDS
"""What a process sleeps that a test ends."""


def until(holds):
    """Wait until `holds()` is true; returns its value."""
    end = time.monotonic() + HANG_SECONDS
    while not (value := holds()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value


def growing_limits(first=1.0):
    """Time limits in seconds, each twice the last, for a program that must have begun when its limit ends it."""
    while first < HANG_SECONDS:
        yield first
        first *= 2


class Witness:
    """A named pipe: it knows what processes wrote into it, and whether one that opened it for writing still lives."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path, self.said = path, b""
        self._end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._end)

    def nobody_left(self):
        """Whether no process has the pipe open for writing; `said` grows by what they wrote."""
        while True:
            try:
                more = os.read(self._end, 65536)
            except BlockingIOError:
                return False
            if not more:
                return True
            self.said += more

    def has_heard(self):
        """Whether anyone has written."""
        self.nobody_left()
        return bool(self.said)


@contextmanager
def reserved_port():
    """A port of the loopback device that no other process is given meanwhile; a server of torch may listen there."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]
