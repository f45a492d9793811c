"""How long work reports itself: the library calls a reporter, only the command line draws one."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work under way."""

    def advance(self, amount: int = 1, **figures: float | str) -> None:
        """Add `amount` units done; `figures` (such as loss=2.31) are shown beside the bar, at once with 0."""


class Progress(Protocol):
    """Where progress goes: a bar on a terminal, plain lines in a log, or nowhere."""

    def task(self, label: str, total: int | None, unit: str) -> AbstractContextManager[Task]:
        """Open a task of `total` units (None: unknown), as a context manager."""

    def say(self, message: str) -> None:
        """One line of information, on standard error."""


class _SilentTask:
    def advance(self, amount: int = 1, **figures: float | str) -> None:
        """Nothing to show."""


class _Silent:
    @contextmanager
    def task(self, label: str, total: int | None, unit: str) -> Iterator[Task]:
        yield _SilentTask()

    def say(self, message: str) -> None:
        """Nothing to say."""


SILENT: Progress = _Silent()
