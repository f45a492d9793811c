"""Work in other processes, begun before the check that asks for it: one piece after another, beside the other checks.

What a piece gives does not depend on when it ran, so an audit says the same with and without.
"""

import subprocess
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
Started = Callable[["subprocess.Popen[Any]"], None]


class Ahead:
    """A context: `prepare` pieces, `begin` some, ask for them; what still runs when an error leaves it is stopped."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._pieces: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {}
        self._begun: dict[str, Future[Any]] = {}
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[Any]] = []
        self._closed = False

    def prepare(self, check: str, work: Callable[..., T], *arguments: Any) -> Callable[..., T]:
        """`work`, which answers for `arguments` from the piece begun for `check` and runs anew for any others."""
        self._pieces[check] = (work, arguments)

        def ask(*asked: Any) -> T:
            begun = self._begun.pop(check, None) if _equal(asked, arguments) else None
            return work(*asked) if begun is None else begun.result()

        return ask

    def begin(self, checks: Collection[str]) -> None:
        """Begin the pieces of `checks`, in the order in which they were prepared."""
        for check, (work, arguments) in self._pieces.items():
            if check in checks and check not in self._begun:
                self._begun[check] = self._pool.submit(work, *arguments)

    def started(self, process: "subprocess.Popen[Any]") -> None:
        """To be told of every process that a piece starts."""
        with self._lock:
            self._running = [*(other for other in self._running if other.poll() is None), process]
            if self._closed:
                process.kill()

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)


def ignore(process: "subprocess.Popen[Any]") -> None:
    """For whoever need not know of a process."""


def _equal(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))
