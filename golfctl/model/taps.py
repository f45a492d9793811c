"""Watch or adapt every matrix product of a model by the public name of its weight.

Shapes: an input x is [..., in], an output y is [..., out].
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from golfctl.model.context import Tap
from golfctl.model.network import LanguageModel

__all__ = ["Tap", "adapt", "tap"]


@contextmanager
def tap(model: LanguageModel, callback: Callable[[str, Tensor, Tensor], object]) -> Iterator[None]:
    """Call `callback(name, x, y)` at every product y = x Wᵀ while the block runs; what it returns is ignored.

    The head's name is that of the matrix in use, its y the logits before the soft cap. Taps may nest.
    """

    def watch(name: str, x: Tensor, y: Tensor) -> Tensor:
        callback(name, x, y)
        return y

    with _installed(model, watch):
        yield


@contextmanager
def adapt(model: LanguageModel, deltas: Mapping[str, Callable[[Tensor], Tensor]]) -> Iterator[None]:
    """Add `deltas[name](x)` to the product of every named weight while the block runs (LoRA and the like).

    Raises:
        ValueError: a name that no product of this model has.
    """
    unknown = set(deltas) - {
        weight.name for weight in model.declared if weight.products or weight.name == model.head_name
    }
    if unknown:
        raise ValueError(f"no product of this model has the names {sorted(unknown)}")

    def add(name: str, x: Tensor, y: Tensor) -> Tensor:
        return y + deltas[name](x) if name in deltas else y

    with _installed(model, add):
        yield


@contextmanager
def _installed(model: LanguageModel, new: Tap) -> Iterator[None]:
    model.taps.append(new)
    try:
        yield
    finally:
        model.taps.remove(new)
