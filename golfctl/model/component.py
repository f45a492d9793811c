"""What a component is: a typed config, declared weights, and hooks into the forward pass.

Shapes: B batch, T positions, D width, H query heads, K key-value heads, d head dimension.

A part (see `golfctl.model.table`) overrides the hooks it needs; the network calls every part at every hook, in the
order of the table. Weights are declared by a class method, so names, roles, counts and FLOPs are known without
allocating anything.
"""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from golfctl.core.config import Config
from golfctl.model.blocks.order import Step
from golfctl.model.context import Context
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.weight import Weight


class Read(NamedTuple):
    """What a layer's attention was computed from, for the rows that are wanted."""

    input_BTD: Tensor
    """The block's normalised input."""
    query_BTD: Tensor
    """The queries as projected: without norm, rotation or gain."""
    value_BTKd: Tensor
    """The values as the parts left them."""


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

    def prepare(self, context: Context) -> Any:
        """Once per forward, before anything else: compute or make room for what several layers share."""

    def embed(self, e_BTD: Tensor, context: Context) -> Tensor:
        """Change the token embeddings before their norm."""
        return e_BTD

    def embed_normed(self, e_BTD: Tensor, context: Context) -> Tensor:
        """Change the token embeddings after their norm."""
        return e_BTD

    def value(self, v_BTKd: Tensor, step: Step, shared: Any, context: Context) -> Tensor:
        """Change the values of one application of a block before attention; `shared` is what `prepare` gave."""
        return v_BTKd

    def attended(self, y_BTHd: Tensor, read: Read, step: Step, context: Context) -> Tensor:
        """Change the output of attention before its output projection."""
        return y_BTHd


def attribute(name: str) -> str:
    """Attribute under which a component keeps the parameter with public name `name`."""
    return name.replace(".", "__")


def public_name(path: str) -> str:
    """Public name of the parameter at `path` in `named_parameters()`."""
    return path.rsplit(".", 1)[-1].replace("__", ".")
