"""XSA, exclusive self-attention (arXiv 2603.09078; PR #287 on the last layers, PR #478 on all).

Shapes: B batch, T positions, H query heads, K key-value heads, G = H / K heads of a group, d head dimension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

from golfctl.core.config import Config
from golfctl.model.component import Component
from golfctl.model.selection import Layers, resolve

if TYPE_CHECKING:
    from golfctl.model.context import Context
    from golfctl.model.spec import ModelSpec


class XsaConfig(Config):
    """Where it acts."""

    layers: Layers = "all"


class Xsa(Component):
    """y ← y − (y·n̂) n̂ per head, n̂ = v / max(‖v‖, 1e-12) the token's own value in the head's group; no parameters."""

    Config = XsaConfig

    def __init__(self, config: XsaConfig, spec: ModelSpec) -> None:
        super().__init__(config, spec)
        self.layers = frozenset(resolve(config.layers, spec.layers, "model.parts.xsa"))

    @classmethod
    def check(cls, config: XsaConfig, spec: ModelSpec) -> None:
        """The chosen layers exist."""
        resolve(config.layers, spec.layers, "model.parts.xsa")

    def attended(self, y_BTHd: Tensor, v_BTKd: Tensor, u_BTD: Tensor, layer: int, context: Context) -> Tensor:
        """Remove what lies along the token's own value; heads are grouped by a view, values are not repeated."""
        if layer not in self.layers:
            return y_BTHd
        n_BTK1d = F.normalize(v_BTKd, dim=-1).unsqueeze(3)
        y_BTKGd = y_BTHd.unflatten(2, (v_BTKd.shape[2], -1))
        along_BTKG1 = (y_BTKGd * n_BTK1d).sum(-1, keepdim=True)
        return (y_BTKGd - along_BTKG1 * n_BTK1d).flatten(2, 3)
