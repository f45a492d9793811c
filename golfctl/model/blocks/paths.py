"""How attention and MLP of a block write to the stream: in sequence, or in parallel (also `parallel_streams.py`).

Shapes: B batch, T positions, D width.
"""

from typing import Protocol

from torch import Tensor

from golfctl.errors import ConfigError
from golfctl.model.blocks.residual import Residual, Skips
from golfctl.model.component import Component
from golfctl.model.config import PathsConfig
from golfctl.model.spec import ModelSpec

State = tuple[Tensor, ...]
"""The stream: one tensor, or two where the paths are parallel streams."""


class TransformerBlock(Protocol):
    """One application of a block, as paths see it."""

    layer: int
    residual: Residual
    x0_BTD: Tensor

    def attention(self, x_BTD: Tensor, onto_BTD: Tensor | None = None) -> Tensor:
        """attn_scale⊙attn(rms(x)·s), added to `onto`; in the final block only the wanted rows of it."""

    def mlp(self, x_BTD: Tensor, onto_BTD: Tensor | None = None) -> Tensor:
        """mlp_scale⊙mlp(rms(x)·s), added to `onto`."""

    def wanted(self, x_BTD: Tensor) -> Tensor:
        """The rows of x that are wanted after attention: all, or the last few in the final block."""


class Paths(Component):
    """Sequential: x_in = m₀⊙x + m₁⊙x₀; y = x_in + attn(x_in); y ← y + mlp(y) (baseline)."""

    Config = PathsConfig

    @classmethod
    def check(cls, config: PathsConfig, spec: ModelSpec) -> None:
        """A first block is given exactly where a form needs one."""
        if config.form == "sequential" and config.first:
            raise ConfigError(f"model.paths: first = {config.first} has no effect on sequential paths")
        if config.form != "sequential" and not 0 < config.first < spec.layers:
            raise ConfigError(
                f"model.paths: form {config.form!r} needs first between 1 and {spec.layers - 1}, not {config.first}"
            )

    def run(self, state: State, block: TransformerBlock) -> State:
        """The stream after `block`."""
        return sequential(state, block)

    def join(self, state: State, skip_BTD: Tensor, skips: Skips, row: int, layer: int) -> State:
        """The stream after U-Net skip `row`, which enters before block `layer`."""
        return (skips.join(state[0], skip_BTD, row), *state[1:])

    def finish(self, state: State) -> Tensor:
        """The stream as one tensor, after the last block."""
        return state[0]


class ParallelPaths(Paths):
    """GPT-J: y = x_in + attn(x_in) + mlp(x_in) from block `first` on (PR #1412, #1493)."""

    def run(self, state: State, block: TransformerBlock) -> State:
        """The stream after `block`."""
        if block.layer < self.config.first:
            return sequential(state, block)
        x_BTD = mixed(state[0], block)
        kept_BTD = block.wanted(x_BTD)
        return (block.mlp(kept_BTD, onto_BTD=block.attention(x_BTD, onto_BTD=kept_BTD)),)


def mixed(x_BTD: Tensor, block: TransformerBlock) -> Tensor:
    """m₀⊙x + m₁⊙x₀: what the block's attention reads."""
    return block.residual.mixed(x_BTD, block.x0_BTD, block.layer)


def sequential(state: State, block: TransformerBlock) -> State:
    """One block of sequential paths."""
    x_BTD = mixed(state[0], block)
    y_BTD = block.attention(x_BTD, onto_BTD=block.wanted(x_BTD))
    return (block.mlp(y_BTD, onto_BTD=y_BTD),)
