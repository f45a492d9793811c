"""The residual stream of a block: input mixing, branch scales, LN scale; U-Net skips between blocks.

Shapes: B batch, T positions, D width.
"""

import math
from typing import Literal

from torch import Tensor

from golfctl.model.blocks.order import skip_rows
from golfctl.model.component import Component
from golfctl.model.config import ResidualConfig
from golfctl.model.kernels.either_arithmetic import blend, plus_product, sigmoid
from golfctl.model.kernels.norm import rms
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import constant, ones, zeros
from golfctl.model.weights.weight import Weight

Kind = Literal["attn", "mlp"]


class Residual(Component):
    """x_in = m₀⊙x + m₁⊙x₀; branches enter as scale⊙branch(rms(x)·s), s = 1/√(layer + 1) with LN scale else 1."""

    Config = ResidualConfig

    @classmethod
    def declare(cls, config: ResidualConfig, spec: ModelSpec) -> list[Weight]:
        """Per block: `attn_scale` [D], `mlp_scale` [D], `resid_mix` [2, D]."""
        weights = []
        for i in range(spec.layers):
            weights += [
                Weight(f"blocks.{i}.attn_scale", (spec.dim,), Role.GAIN, ones, i),
                Weight(f"blocks.{i}.mlp_scale", (spec.dim,), Role.GAIN, ones, i),
            ]
            if config.mix:
                weights.append(Weight(f"blocks.{i}.resid_mix", (2, spec.dim), Role.GAIN, constant(1.0, 0.0), i))
        return weights

    def mixed(self, x_BTD: Tensor, x0_BTD: Tensor, layer: int) -> Tensor:
        """What block `layer` reads."""
        if not self.config.mix:
            return x_BTD
        keep_D, start_D = self.gain(f"blocks.{layer}.resid_mix", x_BTD).unbind(0)
        return plus_product(keep_D * x_BTD, start_D, x0_BTD)

    def normed(self, x_BTD: Tensor, layer: int) -> Tensor:
        """The normalised input of a branch."""
        return rms(x_BTD, 1.0 / math.sqrt(layer + 1) if self.config.ln_scale else 1.0)

    def scaled(self, branch_BTD: Tensor, kind: Kind, layer: int, onto_BTD: Tensor | None) -> Tensor:
        """What a branch writes, added to `onto_BTD` if given."""
        gain_D = self.gain(f"blocks.{layer}.{kind}_scale", branch_BTD)
        return gain_D * branch_BTD if onto_BTD is None else plus_product(onto_BTD, gain_D, branch_BTD)


class Skips(Component):
    """x ← x + w_j⊙skip, or gated: x ← g⊙x + (1 − g)⊙(w_j⊙skip) with g = σ(γ_j); w starts at 1, γ at 0."""

    Config = ResidualConfig

    @classmethod
    def declare(cls, config: ResidualConfig, spec: ModelSpec) -> list[Weight]:
        """`skip_weights` and `skip_gates`, one row per decoder step that takes a skip."""
        shape = (skip_rows(spec.layers, spec.recurrence), spec.dim)
        if config.skips == "none" or shape[0] == 0:
            return []
        weights = [Weight("skip_weights", shape, Role.GAIN, ones)]
        return weights + ([Weight("skip_gates", shape, Role.GAIN, zeros)] if config.skips == "gated" else [])

    def join(self, x_BTD: Tensor, skip_BTD: Tensor, row: int) -> Tensor:
        """The stream after skip `row` has entered."""
        skip_BTD = self.gain("skip_weights", x_BTD)[row] * skip_BTD
        if self.config.skips == "unet":
            return x_BTD + skip_BTD
        return blend(skip_BTD, x_BTD, sigmoid(self.own("skip_gates")[row]).to(x_BTD.dtype))
