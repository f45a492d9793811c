"""How attention and MLP of a block write to the stream: one after the other, in parallel, or on two lanes.

Shapes: B batch, T positions, D width.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from torch import Tensor

from golfctl.core.config import Config
from golfctl.model.component import Component
from golfctl.model.residual import Residual

State = tuple[Tensor, ...]
"""The stream: one tensor, or two lanes."""


class Block(Protocol):
    """One application of a block, as paths see it."""

    layer: int
    residual: Residual
    x0_BTD: Tensor

    def attention(self, x_BTD: Tensor) -> Tensor:
        """attn_scale⊙attn(rms(x)·s)."""

    def mlp(self, x_BTD: Tensor) -> Tensor:
        """mlp_scale⊙mlp(rms(x)·s)."""

    def wanted(self, x_BTD: Tensor) -> Tensor:
        """The rows of x that are wanted after attention: all, or the last few in the final block."""


def mixed(x_BTD: Tensor, block: Block) -> Tensor:
    """m₀⊙x + m₁⊙x₀: what the block's attention reads."""
    return block.residual.mixed(x_BTD, block.x0_BTD, block.layer)


def sequential(state: State, block: Block) -> State:
    """y = x_in + attn(x_in); y ← y + mlp(y) (baseline)."""
    (x_BTD,) = state
    x_BTD = mixed(x_BTD, block)
    y_BTD = block.wanted(x_BTD) + block.attention(x_BTD)
    return (y_BTD + block.mlp(y_BTD),)


class PathsConfig(Config):
    """Form of the residual paths, and from which block on it holds."""

    form: Literal["sequential"] = "sequential"


class Paths(Component):
    """How branches of each block join the stream."""

    Config = PathsConfig

    def start(self, x_BTD: Tensor) -> State:
        """The stream before the first block."""
        return (x_BTD,)

    def run(self, state: State, block: Block) -> State:
        """The stream after `block`."""
        return sequential(state, block)

    def join(self, state: State, skip_BTD: Tensor, skips: Any, row: int) -> State:
        """The stream after a U-Net skip."""
        return (skips.join(state[0], skip_BTD, row),)

    def finish(self, state: State) -> Tensor:
        """The stream as one tensor, after the last block."""
        return state[0]
