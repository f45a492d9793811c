"""Where the values of a configuration came from: layers lie over each other, the topmost that states a value wins."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

DEFAULT = "default"


class Layer(NamedTuple):
    """Values that one place states, nested as the configuration is, and what that place is called."""

    origin: str
    values: Mapping[str, Any]


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every table and every value of nested `values` with its dotted path, a table before what it holds."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        yield path, value
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}.")


def origin_of(path: str, layers: Sequence[Layer]) -> str:
    """The topmost (last) layer that states the dotted `path`; `default` where none does."""
    for layer in reversed(layers):
        if path in dict(leaves(layer.values)):
            return layer.origin
    return DEFAULT
