"""The tables of `[model]` in a recipe, one class each: what can be chosen about the parts that every model has."""

import math
from typing import Literal

from pydantic import Field, model_validator

from golfctl.core.config import Config
from golfctl.model.weights.init import Init, fan_in_uniform, orthogonal, zeros


class InitConfig(Config):
    """Start of the matrices; tables and gains declare their own."""

    matrices: Literal["uniform", "orthogonal"] = "uniform"
    """W_q, W_k, W_v, W_up and the projections of tables: U(±1/√in) (baseline) or orthogonal (OrthoInit, PR #162)."""
    outputs: Literal["zeros", "orthogonal"] = "zeros"
    """W_o and W_down: zero, or orthogonal·1/√(2n) as in the early records."""
    scale_projections: bool = False
    """Multiply the projections of tables by 1/√(2n), n layers (PR #761: its rule goes by names ending in `.proj`)."""

    def inner(self) -> Init:
        """Init of a matrix that reads the stream."""
        return orthogonal() if self.matrices == "orthogonal" else fan_in_uniform()

    def output(self, layers: int) -> Init:
        """Init of a matrix that writes to the stream."""
        return zeros if self.outputs == "zeros" else orthogonal(1.0 / math.sqrt(2 * layers))

    def projection(self, layers: int) -> Init:
        """Init of the projection of a table."""
        if self.matrices == "uniform":
            return fan_in_uniform()
        return orthogonal(1.0 / math.sqrt(2 * layers) if self.scale_projections else 1.0)


class RotaryConfig(Config):
    """How positions enter queries and keys."""

    dims: int = Field(default=0, ge=0, multiple_of=2)
    """Rotated dimensions of each head; 0 rotates all."""
    base: float = Field(default=10000.0, gt=1)
    """Base of the frequencies."""
    reference_length: int = Field(default=0, ge=0)
    """The reference programs' rule: inputs longer than this use base·(T/length)^(R/(R−2)); 0 keeps the base fixed."""


class EmbeddingConfig(Config):
    """Start of the token table."""

    std: float = Field(default=0.005, gt=0)
    """Standard deviation of the initial table; small, since a tied head starts with these rows as its weights."""


class AttentionConfig(Config):
    """Heads, gain, positions, document mask."""

    heads: int = Field(default=8, gt=0)
    """H, query heads; the head dimension is the model's width divided by it."""
    kv_heads: int = Field(default=4, gt=0)
    """K, key-value heads (GQA, arXiv 2305.13245)."""
    qk_gain: float = 1.5
    """Start of the learned gain of every query head, applied after QK norm and rotation."""
    documents: bool = False
    """Attend within documents only (PR #1530); they begin at the model's `bos`."""
    rotary: RotaryConfig = RotaryConfig()


class FeedForwardConfig(Config):
    """Width and slope."""

    hidden: int = Field(default=1024, gt=0)
    """M, hidden width (free; the records use 2 to 4 times the model's width)."""
    slope: float = Field(default=0.0, ge=0, le=1)
    """Slope of the leaky ReLU for negative inputs; the square is taken afterwards, so negatives count slope²·u²."""


class ResidualConfig(Config):
    """How blocks read from and write to the stream."""

    ln_scale: bool = False
    """Multiply both normalised block inputs by 1/√(layer + 1) (PR #315)."""
    mix: bool = True
    """Blocks read m₀⊙x + m₁⊙x₀, x₀ the embeddings (baseline)."""
    skips: Literal["none", "unet", "gated"] = "unet"
    """U-Net skips: added (baseline), or blended by sigmoid gates (PR #1089, #1218)."""


class PathsConfig(Config):
    """Form of the residual paths, and from which block on it holds."""

    form: Literal["sequential", "parallel", "merged_lanes", "sequential_lanes", "simultaneous_lanes"] = "sequential"
    first: int = Field(default=0, ge=0)
    """First block of the form; blocks before it are sequential."""


class RecurrenceConfig(Config):
    """Which blocks run again, and how often."""

    first: int = Field(ge=0)
    """First block of the repeated segment."""
    last: int = Field(ge=0)
    """Last block of the repeated segment."""
    extra: int = Field(default=2, ge=1, le=8)
    """Extra passes: 2 means that the segment runs three times."""

    @model_validator(mode="after")
    def _ordered(self) -> "RecurrenceConfig":
        if self.last < self.first:
            raise ValueError(f"recurrence: last = {self.last} comes before first = {self.first}")
        return self


class HeadConfig(Config):
    """Where the head's weights come from and how far logits may go."""

    tied: bool = True
    """Use the token table as head; untied heads start at zero."""
    softcap: float = Field(default=30.0, ge=0)
    """c of logits ← c·tanh(logits / c); 0 leaves them as they are."""
