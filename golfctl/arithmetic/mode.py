"""Which arithmetic computes: the libraries' (as fast as they can), or the portable one (the same bits everywhere)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_PORTABLE: ContextVar[bool] = ContextVar("portable", default=False)


def is_portable() -> bool:
    """Whether the entry points of model and scoring take the kernels of `golfctl.arithmetic`."""
    return _PORTABLE.get()


@contextmanager
def portable(on: bool = True) -> Iterator[None]:
    """Portable arithmetic within the block, where `on`; in this thread alone."""
    token = _PORTABLE.set(on)
    try:
        yield
    finally:
        _PORTABLE.reset(token)
