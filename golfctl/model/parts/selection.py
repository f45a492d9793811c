"""Which layers a part acts on: `"all"`, `"last N"` or a list of block indices."""

import re
from typing import Annotated

from pydantic import AfterValidator

from golfctl.errors import ConfigError

_LAST = re.compile(r"last ([1-9][0-9]*)")


def _check(value: str | tuple[int, ...]) -> str | tuple[int, ...]:
    if isinstance(value, str) and value != "all" and not _LAST.fullmatch(value):
        raise ValueError(f'{value!r} is not a choice of layers: write "all", "last 4" or a list such as [9, 10]')
    if isinstance(value, tuple) and (list(value) != sorted(set(value)) or (value and value[0] < 0)):
        raise ValueError(f"layers {list(value)} must ascend, without repeats or negative numbers")
    return value


Layers = Annotated[str | tuple[int, ...], AfterValidator(_check)]


def resolve(choice: Layers, layers: int, where: str) -> tuple[int, ...]:
    """Block indices that `choice` selects of `layers` blocks.

    Raises:
        ConfigError: a layer that the model does not have, or none at all.
    """
    if choice == "all":
        return tuple(range(layers))
    if isinstance(choice, str):
        count = int(choice.removeprefix("last "))
        chosen = tuple(range(layers - count, layers))
    else:
        chosen = tuple(choice)
    if not chosen or chosen[0] < 0 or chosen[-1] >= layers:
        raise ConfigError(f"{where}: layers = {choice!r} does not fit a model of {layers} layers (0 to {layers - 1})")
    return chosen
