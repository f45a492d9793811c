"""Two-lane residual paths: from block `first` on, attention and MLP work on a lane each.

Shapes: B batch, T positions, D width. State: (lane₀, lane₁) once the stream has been split.

The three forms differ in what the lanes exchange and in where the U-Net skips go, exactly as the records differ.
"""

import math

from torch import Tensor

from golfctl.errors import ConfigError
from golfctl.model.blocks.order import order
from golfctl.model.blocks.paths import Block, Paths, State, mixed, sequential
from golfctl.model.blocks.residual import Skips
from golfctl.model.config import PathsConfig
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import constant, ones
from golfctl.model.weights.weight import Weight

_MERGE, _KEEP, _WRITE = "lane_merge", "parallel_resid_lambdas", "parallel_post_lambdas"


class Lanes(Paths):
    """Splits the stream at block `first`; forms say what happens on the lanes."""

    @classmethod
    def check(cls, config: PathsConfig, spec: ModelSpec) -> None:
        """Lanes stay split once split, and split only in the decoder half."""
        super().check(config, spec)
        extra = spec.recurrence.extra if spec.recurrence else 0
        for loops in range(extra + 1):
            sequence = order(spec.layers, spec.recurrence, loops)
            start = min(i for i, layer in enumerate(sequence) if layer >= config.first)
            if min(sequence[start:]) < config.first or (spec.residual.skips != "none" and start < len(sequence) // 2):
                raise ConfigError(
                    f"model.paths: lanes from block {config.first} on do not fit the order of blocks {sequence}: "
                    "they must begin in its second half and no earlier block may follow"
                )

    def run(self, state: State, block: Block) -> State:
        """The stream after `block`."""
        if block.layer < self.config.first:
            return sequential(state, block)
        lane0_BTD, lane1_BTD = split(state)
        return self.lanes(lane0_BTD, lane1_BTD, block)

    def lanes(self, lane0_BTD: Tensor, lane1_BTD: Tensor, block: Block) -> State:
        """Both lanes after `block`."""
        raise NotImplementedError

    def finish(self, state: State) -> Tensor:
        """The mean of the lanes."""
        lane0_BTD, lane1_BTD = split(state)
        return 0.5 * (lane0_BTD + lane1_BTD)


class MergedLanes(Lanes):
    """Attention updates lane₀, MLP lane₁, apart to the end: x = m·lane₀ + (1 − m)·lane₁, m from ½ (PR #1334, #1477).

    A skip into the first split block enters before the split, later ones enter lane₀.
    """

    @classmethod
    def declare(cls, config: PathsConfig, spec: ModelSpec) -> list[Weight]:
        """m."""
        return [Weight(_MERGE, (), Role.GAIN, constant(0.5))]

    def lanes(self, lane0_BTD: Tensor, lane1_BTD: Tensor, block: Block) -> State:
        """lane₀ ← x_in + attn(x_in) with x_in = m₀⊙lane₀ + m₁⊙x₀; lane₁ ← lane₁ + mlp(lane₁)."""
        x_BTD, kept_BTD = mixed(lane0_BTD, block), block.wanted(lane1_BTD)
        return block.attention(x_BTD, onto_BTD=block.wanted(x_BTD)), block.mlp(kept_BTD, onto_BTD=kept_BTD)

    def finish(self, state: State) -> Tensor:
        """The learned blend of the lanes."""
        lane0_BTD, lane1_BTD = split(state)
        m = self.gain(_MERGE, lane0_BTD)
        return m * lane0_BTD + (1 - m) * lane1_BTD


class LearnedLanes(Lanes):
    """Lanes with learned exchange: `parallel_resid_lambdas` r [n, 2] and `parallel_post_lambdas` P [n, 2, 2] from 1.

    r[i, 0] and P[i, 0, lane] go with attention, r[i, 1] and P[i, 1, lane] with the MLP of block i.
    """

    keep_init: float

    @classmethod
    def declare(cls, config: PathsConfig, spec: ModelSpec) -> list[Weight]:
        """r and P, for every block as the records have them, also those before `first`."""
        n = spec.layers
        return [
            Weight(_KEEP, (n, 2), Role.GAIN, constant(cls.keep_init)),
            Weight(_WRITE, (n, 2, 2), Role.GAIN, ones),
        ]


class SequentialLanes(LearnedLanes):
    """Attention first, then the MLP on what it wrote; r from √1.1; skips enter both lanes (PR #1204).

    lane_k ← r₀·lane_k + P[0, k]·attn(mix(lane₀)), then lane_k ← r₁·lane_k + P[1, k]·mlp(mix(lane₁)).
    """

    keep_init = math.sqrt(1.1)

    def join(self, state: State, skip_BTD: Tensor, skips: Skips, row: int, layer: int) -> State:
        """The skip enters every lane."""
        return tuple(skips.join(lane_BTD, skip_BTD, row) for lane_BTD in state)

    def lanes(self, lane0_BTD: Tensor, lane1_BTD: Tensor, block: Block) -> State:
        """Both lanes after `block`."""
        keep, write = (self.gain(name, lane0_BTD)[block.layer].unbind(0) for name in (_KEEP, _WRITE))
        a_BTD = block.attention(mixed(lane0_BTD, block))
        lane0_BTD = keep[0] * block.wanted(lane0_BTD) + write[0][0] * a_BTD
        lane1_BTD = keep[0] * block.wanted(lane1_BTD) + write[0][1] * a_BTD
        x0_BTD = block.wanted(block.x0_BTD)
        m_BTD = block.mlp(block.residual.mixed(lane1_BTD, x0_BTD, block.layer))
        return keep[1] * lane0_BTD + write[1][0] * m_BTD, keep[1] * lane1_BTD + write[1][1] * m_BTD


class SimultaneousLanes(LearnedLanes):
    """Attention reads mix(lane₀), the MLP the old lane₁ unmixed; r from 1.1; skips enter lane₀ (PR #1529, #1855).

    lane_k ← r_k·lane_k + P[0, k]·attn + P[1, k]·mlp.
    """

    keep_init = 1.1

    def join(self, state: State, skip_BTD: Tensor, skips: Skips, row: int, layer: int) -> State:
        """The split comes first, so that even the first skip enters lane₀ alone."""
        if layer >= self.config.first:
            state = split(state)
        return super().join(state, skip_BTD, skips, row, layer)

    def lanes(self, lane0_BTD: Tensor, lane1_BTD: Tensor, block: Block) -> State:
        """Both lanes after `block`."""
        keep, write = (self.gain(name, lane0_BTD)[block.layer].unbind(0) for name in (_KEEP, _WRITE))
        a_BTD, kept_BTD = block.attention(mixed(lane0_BTD, block)), block.wanted(lane1_BTD)
        m_BTD = block.mlp(kept_BTD)
        return (
            keep[0] * block.wanted(lane0_BTD) + write[0][0] * a_BTD + write[1][0] * m_BTD,
            keep[1] * kept_BTD + write[0][1] * a_BTD + write[1][1] * m_BTD,
        )


def split(state: State) -> State:
    """Two lanes, both the stream where it has not been split yet."""
    return state if len(state) == 2 else (state[0], state[0])
