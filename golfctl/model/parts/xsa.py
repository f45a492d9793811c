"""XSA, exclusive self-attention (arXiv 2603.09078; PR #287 on the last layers, PR #478 on all).

Shapes: B batch, T positions, H query heads, K key-value heads, G = H / K heads of a group, d head dimension.
"""

from torch import Tensor

from golfctl.core.config import Config
from golfctl.model.blocks.order import Step
from golfctl.model.component import Component, Read
from golfctl.model.context import Context
from golfctl.model.kernels.either_arithmetic import dot, minus_product, square_length
from golfctl.model.parts.selection import Layers, resolve
from golfctl.model.spec import ModelSpec

_SMALLEST = 1e-24
"""Smallest ‖v‖² to divide by: the reference programs' 1e-12, squared."""


class XsaConfig(Config):
    """Where it acts."""

    layers: Layers = "all"


class Xsa(Component):
    """y ← y − (y·n̂) n̂ per head, n̂ = v / ‖v‖ the token's own value in the head's group; no parameters."""

    Config = XsaConfig

    def __init__(self, config: XsaConfig, spec: ModelSpec) -> None:
        super().__init__(config, spec)
        self.layers = frozenset(resolve(config.layers, spec.layers, "model.parts.xsa"))

    @classmethod
    def check(cls, config: XsaConfig, spec: ModelSpec) -> None:
        """The chosen layers exist."""
        resolve(config.layers, spec.layers, "model.parts.xsa")

    def attended(self, y_BTHd: Tensor, read: Read, step: Step, context: Context) -> Tensor:
        """Remove what lies along the token's own value; heads are grouped by a view, values are not repeated."""
        if step.layer not in self.layers:
            return y_BTHd
        v_BTK1d = read.value_BTKd.unsqueeze(3)
        y_BTKGd = y_BTHd.unflatten(2, (read.value_BTKd.shape[2], -1))
        along_BTKG1 = dot(y_BTKGd, v_BTK1d).unsqueeze(-1) / square_length(v_BTK1d).clamp_min(_SMALLEST)
        return minus_product(y_BTKGd, along_BTKG1, v_BTK1d).flatten(2, 3)
