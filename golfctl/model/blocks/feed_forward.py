"""The MLP: leaky ReLU squared (slope 0: the baseline's ReLU²).

Shapes: B batch, T positions, D width, M hidden width.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl.model.component import Component
from golfctl.model.config import FeedForwardConfig
from golfctl.model.context import Context
from golfctl.model.kernels.leaky_mlp import fits_leaky_mlp, leaky_mlp
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.weight import Weight


class FeedForward(Component):
    """mlp(u) = leaky_relu(u W_upᵀ, slope)² W_downᵀ (ReLU² arXiv 2109.08668; leaky form PR #493, #549)."""

    Config = FeedForwardConfig

    @classmethod
    def declare(cls, config: FeedForwardConfig, spec: ModelSpec) -> list[Weight]:
        """Banks mlp_up [n, M, D] and mlp_down [n, D, M]."""
        up, down = (config.hidden, spec.dim), (spec.dim, config.hidden)
        return [
            Weight(f"blocks.{i}.mlp.fc.weight", up, Role.MATRIX, spec.init.inner(), i, "mlp_up", 1)
            for i in range(spec.layers)
        ] + [
            Weight(f"blocks.{i}.mlp.proj.weight", down, Role.MATRIX, spec.init.output(spec.layers), i, "mlp_down", 1)
            for i in range(spec.layers)
        ]

    def forward(self, u_BTD: Tensor, layer: int, context: Context) -> Tensor:
        """The branch's output [B, T, D]."""
        up, down = f"blocks.{layer}.mlp.fc.weight", f"blocks.{layer}.mlp.proj.weight"
        matrices = context.matrices
        if not context.taps and fits_leaky_mlp(u_BTD) and up in matrices.slots:
            slots = matrices.slots[up], matrices.slots[down]
            return leaky_mlp(u_BTD, matrices.weights[up], matrices.weights[down], slots, self.config.slope)
        return context.linear(leaky_square(context.linear(u_BTD, up), self.config.slope), down)


def leaky_square(p: Tensor, slope: float) -> Tensor:
    """leaky_relu(p, slope)², keeping p alone for the backward pass outside of compiled code."""
    if torch.compiler.is_compiling():
        return (F.leaky_relu(p, slope) if slope else F.relu(p)).square()
    y = _LeakySquare.apply(p, slope)
    assert isinstance(y, Tensor)
    return y


class _LeakySquare(torch.autograd.Function):
    """∂p = 2·p·g where p > 0, 2·slope²·p·g elsewhere."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(p)
        ctx.slope = slope
        a = F.leaky_relu(p, slope) if slope else F.relu(p)
        return a.mul_(a)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (g,) = grads
        (p,) = ctx.saved_tensors
        return torch.ops.aten.leaky_relu_backward((g * p).mul_(2), p, ctx.slope**2, False), None
