"""Which arithmetic computes: the libraries' (as fast as they can), or the portable one (the same bits everywhere)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

_PORTABLE: ContextVar[bool] = ContextVar("portable", default=False)


def is_portable() -> bool:
    """Whether the entry points of model and scoring take the kernels of `golfctl.arithmetic`."""
    return _PORTABLE.get()


@contextmanager
def portable(on: bool = True, guard: bool = True) -> Iterator[None]:
    """Portable arithmetic within the block, where `on`; in this thread alone.

    Args:
        on: False computes as the libraries do; within a block that is portable, its guard stays.
        guard: refuse what torch might compute otherwise on another machine; costs some 3 µs an operation.

    Raises:
        MachineError: this machine does not repeat the kernels' known results.
        UsageError: from within the block, for an operation that is not portable.
    """
    token = _PORTABLE.set(on)
    try:
        with _entered(guard) if on else nullcontext():
            yield
    finally:
        _PORTABLE.reset(token)


def _entered(guard: bool) -> AbstractContextManager[Any]:
    """Check the machine, and give the guard; imported here, for ordinary arithmetic does without numba."""
    from golfctl.arithmetic.guard import Guard
    from golfctl.arithmetic.known_digests import check_machine

    check_machine()
    return Guard() if guard else nullcontext()
