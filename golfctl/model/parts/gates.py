"""Attention output gates: each head's output times a gate computed from the block's normalised input.

Shapes: B batch, T positions, D width, H query heads, d head dimension, W window of leading dimensions.
"""

from typing import Literal

from pydantic import Field
from torch import Tensor

from golfctl.core.config import Config
from golfctl.errors import ConfigError
from golfctl.model.blocks.order import Step
from golfctl.model.component import Component, Read
from golfctl.model.context import Context
from golfctl.model.kernels.either_arithmetic import sigmoid
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import constant, normal, zeros
from golfctl.model.weights.weight import Weight


class GatedAttention(Component):
    """y ← σ(u Gᵀ + b) y, G [H, D] from 0, b [H] from 4 (≈ 0.982) (PR #761)."""

    @classmethod
    def declare(cls, config: Config, spec: ModelSpec) -> list[Weight]:
        """G and b in every block."""
        heads = spec.attention.heads
        return [
            weight
            for i in range(spec.layers)
            for weight in (
                Weight(_block(i, "attn_gate.weight"), (heads, spec.dim), Role.GAIN, zeros, i, products=1),
                Weight(_block(i, "attn_gate.bias"), (heads,), Role.GAIN, constant(4.0), i),
            )
        ]

    def attended(self, y_BTHd: Tensor, read: Read, step: Step, context: Context) -> Tensor:
        """Gate every head."""
        g_BTH = context.linear(read.input_BTD, _block(step.layer, "attn_gate.weight"))
        return y_BTHd * sigmoid(g_BTH + self.gain(_block(step.layer, "attn_gate.bias"), g_BTH))[..., None]


class DenseGateConfig(Config):
    """Start of the gate."""

    std: float = Field(default=0.005, ge=0)


class DenseGate(Component):
    """y ← σ(u Gᵀ) y, G [H, D] from N(0, std²), so ≈ ½ at first (arXiv 2505.06708; PR #1736)."""

    Config = DenseGateConfig

    @classmethod
    def declare(cls, config: DenseGateConfig, spec: ModelSpec) -> list[Weight]:
        """G in every block."""
        shape = (spec.attention.heads, spec.dim)
        return [
            Weight(_block(i, "attn_gate_w"), shape, Role.GAIN, normal(config.std), i, products=1)
            for i in range(spec.layers)
        ]

    @classmethod
    def check(cls, config: DenseGateConfig, spec: ModelSpec) -> None:
        """The sparse gate uses the same names, as in the reference programs."""
        if "sparse_gate" in spec.parts:
            raise ConfigError("model.parts: dense_gate and sparse_gate exclude each other")

    def attended(self, y_BTHd: Tensor, read: Read, step: Step, context: Context) -> Tensor:
        """Gate every head."""
        return y_BTHd * sigmoid(context.linear(read.input_BTD, _block(step.layer, "attn_gate_w")))[..., None]


class WindowConfig(Config):
    """What a narrow gate reads."""

    window: int = Field(default=12, ge=1)
    """W, leading dimensions of its input."""


class OutputGateConfig(WindowConfig):
    """AttnOutGate."""

    source: Literal["input", "query"] = "input"
    """Read the block's normalised input, or the queries as projected."""


class OutputGate(Component):
    """y ← 2σ(u[:W] Gᵀ) y, G [H, W] from 0, so 1 at first (AttnOutGate, PR #1667)."""

    Config = OutputGateConfig

    @classmethod
    def declare(cls, config: OutputGateConfig, spec: ModelSpec) -> list[Weight]:
        """G in every block."""
        return _narrow("attn_gate_proj.weight", config, spec)

    @classmethod
    def check(cls, config: OutputGateConfig, spec: ModelSpec) -> None:
        """The window fits the width."""
        _check_window("output_gate", config, spec)

    def attended(self, y_BTHd: Tensor, read: Read, step: Step, context: Context) -> Tensor:
        """Gate every head."""
        source = read.input_BTD if self.config.source == "input" else read.query_BTD
        g_BTH = context.linear(source[..., : self.config.window], _block(step.layer, "attn_gate_proj.weight"))
        return y_BTHd * (2 * sigmoid(g_BTH))[..., None]


class SparseGateConfig(WindowConfig):
    """SparseAttnGate."""

    scale: float = Field(default=1.0, gt=0)
    """s; 1 in PR #1787, ½ in PR #1855."""


class SparseGate(Component):
    """y ← σ(s·u[:W] Gᵀ) y, G [H, W] from 0, so ½ at first (SparseAttnGate, PR #1787, #1855)."""

    Config = SparseGateConfig

    @classmethod
    def declare(cls, config: SparseGateConfig, spec: ModelSpec) -> list[Weight]:
        """G in every block."""
        return _narrow("attn_gate_w", config, spec)

    @classmethod
    def check(cls, config: SparseGateConfig, spec: ModelSpec) -> None:
        """The window fits the width."""
        _check_window("sparse_gate", config, spec)

    def attended(self, y_BTHd: Tensor, read: Read, step: Step, context: Context) -> Tensor:
        """Gate every head."""
        g_BTH = context.linear(read.input_BTD[..., : self.config.window], _block(step.layer, "attn_gate_w"))
        return y_BTHd * sigmoid(self.config.scale * g_BTH)[..., None]


def _block(layer: int, name: str) -> str:
    return f"blocks.{layer}.attn.{name}"


def _narrow(name: str, config: WindowConfig, spec: ModelSpec) -> list[Weight]:
    shape = (spec.attention.heads, config.window)
    return [Weight(_block(i, name), shape, Role.GAIN, zeros, i, products=1) for i in range(spec.layers)]


def _check_window(part: str, config: WindowConfig, spec: ModelSpec) -> None:
    if config.window > spec.dim:
        raise ConfigError(f"model.parts.{part}: window = {config.window} exceeds dim = {spec.dim}")
