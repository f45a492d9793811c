"""What a component is: a typed config, declared weights, and hooks into the forward pass.

Shapes: B batch, T positions, D width, H query heads, K key-value heads, d head dimension.

A part (see `golfctl.model.table`) overrides the hooks it needs; the network calls every part at every hook, in the
order of the table. Weights are declared by a class method, so names, roles, counts and FLOPs are known without
allocating anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from golfctl.core.config import Config
from golfctl.model.roles import Role
from golfctl.model.weights.init import Init

if TYPE_CHECKING:
    from golfctl.model.context import Context
    from golfctl.model.spec import ModelSpec


@dataclass(frozen=True)
class Weight:
    """One public tensor: its name in checkpoints and artifacts, its role, how it starts, and where it lives."""

    name: str
    shape: tuple[int, ...]
    role: Role
    init: Init
    layer: int | None = None
    """Block it belongs to; None outside the blocks."""
    bank: str | None = None
    """Bank of stacked matrices it is a slice of; None for a parameter of its own."""
    products: int = 0
    """How often a token is multiplied by it per pass: 1 for a matrix, 0 for a table or a gain."""

    @property
    def count(self) -> int:
        """Number of entries."""
        return torch.Size(self.shape).numel()


class NoOptions(Config):
    """The config of a component that has nothing to choose."""


class Component(nn.Module):
    """Base of every component; the default of each hook changes nothing."""

    Config: ClassVar[type[Config]] = NoOptions

    def __init__(self, config: Any, spec: ModelSpec) -> None:
        super().__init__()
        self.config = config
        own = [weight for weight in self.declare(config, spec) if weight.bank is None]
        for weight in own:
            self.register_parameter(attribute(weight.name), nn.Parameter(torch.empty(weight.shape)))
        self._products = {w.name: w.role for w in own if w.products and w.role in (Role.MATRIX, Role.GAIN)}

    @classmethod
    def declare(cls, config: Any, spec: ModelSpec) -> list[Weight]:
        """Every weight of this component under `config`, in a fixed order."""
        return []

    @classmethod
    def check(cls, config: Any, spec: ModelSpec) -> None:
        """Raise `ConfigError` where `config` contradicts the rest of the model."""

    @classmethod
    def uses_bos(cls, config: Any) -> bool:
        """Whether this component looks for the beginning of documents."""
        return bool(getattr(config, "stop_at_bos", False))

    def own(self, name: str) -> nn.Parameter:
        """The unbanked parameter with public name `name`."""
        parameter = getattr(self, attribute(name))
        assert isinstance(parameter, nn.Parameter)
        return parameter

    def matrices(self, dtype: torch.dtype, weight_map: Callable[[str, Tensor], Tensor] | None) -> dict[str, Tensor]:
        """Unbanked matrices by public name, in `dtype`; `weight_map` applies to those of role matrix."""
        result = {}
        for name, role in self._products.items():
            weight: Tensor = self.own(name)
            result[name] = (weight_map(name, weight) if weight_map and role is Role.MATRIX else weight).to(dtype)
        return result

    def gain(self, name: str, like: Tensor) -> Tensor:
        """Parameter `name` in the dtype of `like`: gains are kept wide and cast at use."""
        return self.own(name).to(like.dtype)

    # hooks, in the order in which the forward pass reaches them -------------------------------------------------------

    def prepare(self, context: Context) -> None:
        """Once per forward, before anything else: compute what several layers share."""

    def embed(self, e_BTD: Tensor, context: Context) -> Tensor:
        """Change the token embeddings before their norm."""
        return e_BTD

    def embed_normed(self, e_BTD: Tensor, context: Context) -> Tensor:
        """Change the token embeddings after their norm."""
        return e_BTD

    def value(self, v_BTKd: Tensor, layer: int, context: Context) -> Tensor:
        """Change a layer's values before attention."""
        return v_BTKd

    def attended(self, y_BTHd: Tensor, v_BTKd: Tensor, u_BTD: Tensor, layer: int, context: Context) -> Tensor:
        """Change a layer's attention output before its output projection; `u` is the block's normalised input."""
        return y_BTHd


def attribute(name: str) -> str:
    """Attribute under which a component keeps the parameter with public name `name`."""
    return name.replace(".", "__")


def public_name(path: str) -> str:
    """Public name of the parameter at `path` in `named_parameters()`."""
    return path.rsplit(".", 1)[-1].replace("__", ".")
