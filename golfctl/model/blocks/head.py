"""Output head: hidden vectors to soft-capped logits.

Shapes: B batch, T positions, D width, V vocabulary.
"""

import torch
from torch import Tensor

from golfctl.model.blocks.embedding import TABLE
from golfctl.model.component import Component
from golfctl.model.config import HeadConfig
from golfctl.model.kernels.either_arithmetic import tanh
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import zeros
from golfctl.model.weights.weight import Weight

UNTIED = "lm_head.weight"


class Head(Component):
    """logits = c·tanh(h Wᵀ / c), W the token table or an own matrix of zeros (baseline; softcap after Gemma 2)."""

    Config = HeadConfig

    @classmethod
    def declare(cls, config: HeadConfig, spec: ModelSpec) -> list[Weight]:
        """Nothing when tied."""
        shape = (spec.vocab_size, spec.dim)
        return [] if config.tied else [Weight(UNTIED, shape, Role.HEAD, zeros, products=1)]

    @property
    def name(self) -> str:
        """Public name of the matrix in use."""
        return TABLE if self.config.tied else UNTIED

    def cap(self, logits_BTV: Tensor) -> Tensor:
        """Widen bf16 to fp32, then cap softly."""
        if logits_BTV.dtype in (torch.bfloat16, torch.float16):
            logits_BTV = logits_BTV.float()
        c = self.config.softcap
        return c * tanh(logits_BTV / c) if c else logits_BTV
