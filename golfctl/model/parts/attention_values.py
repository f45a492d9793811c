"""Parts that change what attention adds up: value embeddings and the value residual.

Shapes: B batch, T positions, K key-value heads, d head dimension, V vocabulary, E table width.
"""

from typing import Literal

from pydantic import Field
from torch import Tensor

from golfctl.core.config import Config
from golfctl.model.blocks.order import Step
from golfctl.model.component import Component
from golfctl.model.context import Context
from golfctl.model.kernels.either_arithmetic import sigmoid
from golfctl.model.parts.selection import Layers, resolve
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import constant, normal, ones, zeros
from golfctl.model.weights.weight import Weight

_TABLE, _PROJECTION, _SCALE = "ve_shared.embed.weight", "ve_shared.proj.weight", "ve_shared.scale"


class ValueEmbeddingConfig(Config):
    """Size of the table and who uses it."""

    dim: int = Field(default=128, ge=1)
    """E, width of the shared table."""
    layers: Layers = "last 2"


class ValueEmbedding(Component):
    """v ← v + a_l·s·(E[ids] Pᵀ): one table [V, E] shared by the chosen layers (VE128, PR #374).

    E starts from N(0, 0.01²), P [Kd, E] as the model's projections do, s at 0.1, a_l at 1.
    """

    Config = ValueEmbeddingConfig

    def __init__(self, config: ValueEmbeddingConfig, spec: ModelSpec) -> None:
        super().__init__(config, spec)
        chosen = _chosen(config, spec)
        self.scales = {layer: f"ve_layer_scales.{k}" for k, layer in enumerate(chosen)}

    @classmethod
    def declare(cls, config: ValueEmbeddingConfig, spec: ModelSpec) -> list[Weight]:
        """Table, projection, scale, one scale per chosen layer."""
        kv = spec.attention.kv_heads * spec.head_dim
        return [
            Weight(_TABLE, (spec.vocab_size, config.dim), Role.EMBEDDING, normal(0.01)),
            Weight(_PROJECTION, (kv, config.dim), Role.MATRIX, spec.init.projection(spec.layers), products=1),
            Weight(_SCALE, (), Role.GAIN, constant(0.1)),
            *(
                Weight(f"ve_layer_scales.{k}", (1,), Role.GAIN, ones, layer)
                for k, layer in enumerate(_chosen(config, spec))
            ),
        ]

    @classmethod
    def check(cls, config: ValueEmbeddingConfig, spec: ModelSpec) -> None:
        """The chosen layers exist."""
        _chosen(config, spec)

    def prepare(self, context: Context) -> Tensor:
        """Look up and project once for all layers: [B, T, Kd]."""
        row_BTE = context.lookup(context.ids_BT, _TABLE, self.own(_TABLE))
        return context.linear(row_BTE, _PROJECTION) * self.gain(_SCALE, row_BTE)

    def value(self, v_BTKd: Tensor, step: Step, shared: Tensor, context: Context) -> Tensor:
        """Add this layer's share."""
        if step.layer not in self.scales:
            return v_BTKd
        added = shared.unflatten(2, v_BTKd.shape[2:])
        return v_BTKd + self.gain(self.scales[step.layer], v_BTKd) * added


def _chosen(config: ValueEmbeddingConfig, spec: ModelSpec) -> tuple[int, ...]:
    return resolve(config.layers, spec.layers, "model.parts.value_embedding")


class ValueResidualConfig(Config):
    """Which of the two forms."""

    form: Literal["lambda", "sigmoid"] = "lambda"


class ValueResidual(Component):
    """Values of later layers take in those of layer 0, v₀, as they stood there.

    lambda: v ← λ₀·v₀ + λ₁·v, λ [2] from ½ (PR #413, #761); sigmoid: v ← v + σ(α)·v₀, α [1] from 0 (PR #569).
    Layer 0 has the parameter too, as the records do, though nothing reads it.
    """

    Config = ValueResidualConfig

    @classmethod
    def declare(cls, config: ValueResidualConfig, spec: ModelSpec) -> list[Weight]:
        """`vr_lambda` or `vrl_alpha` in every block."""
        shape, init = ((2,), constant(0.5)) if config.form == "lambda" else ((1,), zeros)
        return [Weight(_name(config, i), shape, Role.GAIN, init, i) for i in range(spec.layers)]

    def prepare(self, context: Context) -> list[Tensor]:
        """Where this pass keeps v₀."""
        return []

    def value(self, v_BTKd: Tensor, step: Step, shared: list[Tensor], context: Context) -> Tensor:
        """Keep v₀, or mix it in."""
        if not shared:
            shared.append(v_BTKd)
            return v_BTKd
        (first_BTKd,) = shared
        weight = self.own(_name(self.config, step.layer))
        if self.config.form == "lambda":
            of_first, of_own = weight.to(v_BTKd.dtype).unbind(0)
            return of_first * first_BTKd + of_own * v_BTKd
        return v_BTKd + sigmoid(weight).to(v_BTKd.dtype) * first_BTKd


def _name(config: ValueResidualConfig, layer: int) -> str:
    return f"blocks.{layer}.attn.{'vr_lambda' if config.form == 'lambda' else 'vrl_alpha'}"
