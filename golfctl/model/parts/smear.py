"""SmearGate, both kinds: every token's embedding takes in some of the previous token's.

Shapes: B batch, T positions, D width, W window of the gate's input.
"""

from pydantic import Field
from torch import Tensor

from golfctl.core.config import Config
from golfctl.errors import ConfigError
from golfctl.model.component import Component
from golfctl.model.context import Context
from golfctl.model.kernels.either_arithmetic import sigmoid
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import constant, zeros
from golfctl.model.weights.weight import Weight

_GATE, _WINDOW_GATE, _STRENGTH = "smear.gate", "smear_gate.weight", "smear_lambda"


class SmearConfig(Config):
    """SmearGate v1."""

    gate: float = 0.0
    """Start of θ; 0 begins with an equal blend, −3 nearly passes through."""
    before_norm: bool = False
    """Blend before the embedding norm (the SmearGate + OrthoInit record, with gate = −3)."""
    stop_at_bos: bool = False
    """The first token of a document blends with zero, not with the document before; off in the records."""


class Smear(Component):
    """x_t ← (1 − g)⊙x_t + g⊙x_{t−1}, g = σ(θ), θ [D] from 0, x_{−1} = 0; after the embedding norm (PR #162, #549)."""

    Config = SmearConfig

    @classmethod
    def declare(cls, config: SmearConfig, spec: ModelSpec) -> list[Weight]:
        """θ."""
        return [Weight(_GATE, (spec.dim,), Role.GAIN, constant(config.gate))]

    def embed(self, e_BTD: Tensor, context: Context) -> Tensor:
        """Blend here when it comes before the norm."""
        return self._blend(e_BTD, context) if self.config.before_norm else e_BTD

    def embed_normed(self, e_BTD: Tensor, context: Context) -> Tensor:
        """Blend here when it comes after the norm."""
        return e_BTD if self.config.before_norm else self._blend(e_BTD, context)

    def _blend(self, e_BTD: Tensor, context: Context) -> Tensor:
        g_D = sigmoid(self.own(_GATE)).to(e_BTD.dtype)
        return (1 - g_D) * e_BTD + g_D * predecessor("smear", e_BTD, context, self.config.stop_at_bos)


class GatedSmearConfig(Config):
    """SmearGate v2."""

    window: int = Field(default=12, ge=1)
    """W, how many leading dimensions the gate reads."""
    stop_at_bos: bool = True
    """Nothing flows into the first token of a document (the fix of PR #1851)."""


class GatedSmear(Component):
    """x_t ← x_t + λ·σ(w·x_t[:W])·x_{t−1}, w [1, W] and λ from 0; before the embedding norm (PR #1667, #1851)."""

    Config = GatedSmearConfig

    @classmethod
    def declare(cls, config: GatedSmearConfig, spec: ModelSpec) -> list[Weight]:
        """w and λ."""
        return [
            Weight(_WINDOW_GATE, (1, config.window), Role.GAIN, zeros, products=1),
            Weight(_STRENGTH, (1,), Role.GAIN, zeros),
        ]

    @classmethod
    def check(cls, config: GatedSmearConfig, spec: ModelSpec) -> None:
        """The window fits the width."""
        if config.window > spec.dim:
            raise ConfigError(f"model.parts.gated_smear: window = {config.window} exceeds dim = {spec.dim}")

    def embed(self, e_BTD: Tensor, context: Context) -> Tensor:
        """Add the gated previous embedding."""
        gate_BT1 = sigmoid(context.linear(e_BTD[..., : self.config.window], _WINDOW_GATE))
        before_BTD = predecessor("gated_smear", e_BTD, context, self.config.stop_at_bos)
        return e_BTD + self.gain(_STRENGTH, e_BTD) * gate_BT1 * before_BTD


def predecessor(key: str, x_BTD: Tensor, context: Context, stop_at_bos: bool) -> Tensor:
    """x_{t−1}, zero where the sequence begins and, if asked for, where a document does."""
    before_BTD = context.previous(key, x_BTD)
    return before_BTD.masked_fill(context.begins_BT(True)[..., None], 0.0) if stop_at_bos else before_BTD
