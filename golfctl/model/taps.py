"""Watch every matrix product and every table lookup, by the public name of the weight.

Shapes: an input x is [..., in], an output y is [..., out].
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor

from golfctl.model.context import Tap
from golfctl.model.network import LanguageModel

__all__ = ["Tap", "lookup_tap", "tap"]


@contextmanager
def tap(model: LanguageModel, callback: Callable[[str, Tensor, Tensor], object]) -> Iterator[None]:
    """Call `callback(name, x, y)` at every product y = x Wᵀ while the block runs; what it returns is ignored.

    The head's name is that of the matrix in use, its y the logits before the soft cap. Taps may nest.
    """

    def watch(name: str, x: Tensor, y: Tensor) -> Tensor:
        callback(name, x, y)
        return y

    with _installed(model.taps, watch):
        yield


@contextmanager
def lookup_tap(model: LanguageModel, callback: Callable[[str, Tensor, Tensor], object]) -> Iterator[None]:
    """Call `callback(name, ids, rows)` at every table lookup while the block runs; rows [..., E] as they come out."""

    def watch(name: str, ids: Tensor, rows: Tensor) -> Tensor:
        callback(name, ids, rows)
        return rows

    with _installed(model.lookup_taps, watch):
        yield


@contextmanager
def _installed(taps: list[Tap], new: Tap) -> Iterator[None]:
    taps.append(new)
    try:
        yield
    finally:
        taps.remove(new)
