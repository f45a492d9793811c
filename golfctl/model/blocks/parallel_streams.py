"""Two residual streams side by side: from block `first` on, attention and MLP write to one each.

Shapes: B batch, T positions, D width. State: (stream₀, stream₁) once the stream has been split.

The three forms differ in what the streams exchange and in where the U-Net skips go, exactly as the records differ.
"""

import math

from torch import Tensor

from golfctl.errors import ConfigError
from golfctl.model.blocks.order import order
from golfctl.model.blocks.paths import Paths, State, TransformerBlock, mixed, sequential
from golfctl.model.blocks.residual import Skips
from golfctl.model.config import PathsConfig
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import constant, ones
from golfctl.model.weights.weight import Weight

_MERGE, _KEEP, _WRITE = "lane_merge", "parallel_resid_lambdas", "parallel_post_lambdas"


class ParallelStreams(Paths):
    """Splits the stream at block `first`; forms say what happens on the streams."""

    @classmethod
    def check(cls, config: PathsConfig, spec: ModelSpec) -> None:
        """Streams stay split once split, and split only in the decoder half."""
        super().check(config, spec)
        extra = spec.recurrence.extra if spec.recurrence else 0
        for loops in range(extra + 1):
            sequence = order(spec.layers, spec.recurrence, loops)
            start = min(i for i, layer in enumerate(sequence) if layer >= config.first)
            if min(sequence[start:]) < config.first or (spec.residual.skips != "none" and start < len(sequence) // 2):
                raise ConfigError(
                    f"model.paths: streams from block {config.first} on do not fit the order of blocks {sequence}: "
                    "they must begin in its second half and no earlier block may follow"
                )

    def run(self, state: State, block: TransformerBlock) -> State:
        """The stream after `block`."""
        if block.layer < self.config.first:
            return sequential(state, block)
        stream0_BTD, stream1_BTD = split(state)
        return self.streams(stream0_BTD, stream1_BTD, block)

    def streams(self, stream0_BTD: Tensor, stream1_BTD: Tensor, block: TransformerBlock) -> State:
        """Both streams after `block`."""
        raise NotImplementedError

    def finish(self, state: State) -> Tensor:
        """The mean of the streams."""
        stream0_BTD, stream1_BTD = split(state)
        return 0.5 * (stream0_BTD + stream1_BTD)


class MergedStreams(ParallelStreams):
    """Attention writes to stream₀, the MLP to stream₁, apart to the end (PR #1334, #1477).

    There x = m·stream₀ + (1 − m)·stream₁, m from ½. A skip into the first split block enters before the split, later
    ones enter stream₀.
    """

    @classmethod
    def declare(cls, config: PathsConfig, spec: ModelSpec) -> list[Weight]:
        """m."""
        return [Weight(_MERGE, (), Role.GAIN, constant(0.5))]

    def streams(self, stream0_BTD: Tensor, stream1_BTD: Tensor, block: TransformerBlock) -> State:
        """stream₀ ← x_in + attn(x_in) with x_in = m₀⊙stream₀ + m₁⊙x₀; stream₁ ← stream₁ + mlp(stream₁)."""
        x_BTD, kept_BTD = mixed(stream0_BTD, block), block.wanted(stream1_BTD)
        return block.attention(x_BTD, onto_BTD=block.wanted(x_BTD)), block.mlp(kept_BTD, onto_BTD=kept_BTD)

    def finish(self, state: State) -> Tensor:
        """The learned blend of the streams."""
        stream0_BTD, stream1_BTD = split(state)
        m = self.gain(_MERGE, stream0_BTD)
        return m * stream0_BTD + (1 - m) * stream1_BTD


class LearnedStreams(ParallelStreams):
    """Streams with learned exchange: `parallel_resid_lambdas` r [n, 2] and `parallel_post_lambdas` P [n, 2, 2] from 1.

    r[i, 0] and P[i, 0, stream] go with attention, r[i, 1] and P[i, 1, stream] with the MLP of block i.
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


class SequentialStreams(LearnedStreams):
    """Attention first, then the MLP on what it wrote; r from √1.1; skips enter both streams (PR #1204).

    stream_k ← r₀·stream_k + P[0, k]·attn(mix(stream₀)), then stream_k ← r₁·stream_k + P[1, k]·mlp(mix(stream₁)).
    """

    keep_init = math.sqrt(1.1)

    def join(self, state: State, skip_BTD: Tensor, skips: Skips, row: int, layer: int) -> State:
        """The skip enters every stream."""
        return tuple(skips.join(stream_BTD, skip_BTD, row) for stream_BTD in state)

    def streams(self, stream0_BTD: Tensor, stream1_BTD: Tensor, block: TransformerBlock) -> State:
        """Both streams after `block`."""
        keep, write = (self.gain(name, stream0_BTD)[block.layer].unbind(0) for name in (_KEEP, _WRITE))
        a_BTD = block.attention(mixed(stream0_BTD, block))
        stream0_BTD = keep[0] * block.wanted(stream0_BTD) + write[0][0] * a_BTD
        stream1_BTD = keep[0] * block.wanted(stream1_BTD) + write[0][1] * a_BTD
        x0_BTD = block.wanted(block.x0_BTD)
        m_BTD = block.mlp(block.residual.mixed(stream1_BTD, x0_BTD, block.layer))
        return keep[1] * stream0_BTD + write[1][0] * m_BTD, keep[1] * stream1_BTD + write[1][1] * m_BTD


class SimultaneousStreams(LearnedStreams):
    """Attention reads mix(stream₀), the MLP the old stream₁ unmixed; r from 1.1; skips enter stream₀ (PR #1529, #1855).

    stream_k ← r_k·stream_k + P[0, k]·attn + P[1, k]·mlp.
    """

    keep_init = 1.1

    def join(self, state: State, skip_BTD: Tensor, skips: Skips, row: int, layer: int) -> State:
        """The split comes first, so that even the first skip enters stream₀ alone."""
        if layer >= self.config.first:
            state = split(state)
        return super().join(state, skip_BTD, skips, row, layer)

    def streams(self, stream0_BTD: Tensor, stream1_BTD: Tensor, block: TransformerBlock) -> State:
        """Both streams after `block`."""
        keep, write = (self.gain(name, stream0_BTD)[block.layer].unbind(0) for name in (_KEEP, _WRITE))
        a_BTD, kept_BTD = block.attention(mixed(stream0_BTD, block)), block.wanted(stream1_BTD)
        m_BTD = block.mlp(kept_BTD)
        return (
            keep[0] * block.wanted(stream0_BTD) + write[0][0] * a_BTD + write[1][0] * m_BTD,
            keep[1] * kept_BTD + write[0][1] * a_BTD + write[1][1] * m_BTD,
        )


def split(state: State) -> State:
    """Two streams, both the stream where it has not been split yet."""
    return state if len(state) == 2 else (state[0], state[0])
