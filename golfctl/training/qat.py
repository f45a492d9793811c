"""Late quantisation-aware training: the forward pass sees matrices on the row grid that packing will use.

Shapes: B matrices of a bank, O rows, I columns. Hard: round, with the straight-through gradient (techniques 7.5).
Soft: rounding by a differentiable staircase that steepens as the learning rate falls (PR #761's option).
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from golfctl.core.config import Config
from golfctl.errors import ConfigError
from golfctl.packing.config import PackConfig
from golfctl.quant.options import parse_clip
from golfctl.quant.rows import RowLayout

_SMALLEST_SCALE = 2.0**-24  # smallest fp16 number above zero
_STEEPEST = 16.0


class QatConfig(Config):
    """Which rounding the forward pass sees, once the learning-rate scale is below `below_scale`."""

    rounding: Literal["none", "hard", "soft"] = "none"
    below_scale: float = Field(default=0.15, gt=0.0, le=1.0)


class FakeQuantizer:
    """A `LanguageModel.weight_map` that puts every bank on the grid of `pack`'s matrices.

    The range of a row is its largest magnitude, or K standard deviations where packing clips so. `steepness` (a 0-D
    tensor, so that compiled code need not be made again) belongs to soft rounding.
    """

    def __init__(self, config: QatConfig, pack: PackConfig, device: torch.device) -> None:
        """Raises ConfigError when packing has no row grid for matrices."""
        if pack.matrix_bits > 8 or pack.method == "entropy":
            raise ConfigError("train.qat needs a row grid, but [pack] keeps floats or uses the entropy quantizer")
        self.config = config
        self.limit = RowLayout(pack.matrix_bits).limit
        rule, value = parse_clip(pack.clip or "max")
        self._deviations = value if rule == "sd" else None
        self.steepness = torch.ones((), device=device)

    def active(self, lr_scale: float) -> bool:
        """Whether the forward pass at this learning-rate scale is quantised."""
        return self.config.rounding != "none" and lr_scale < self.config.below_scale

    def set_steepness(self, lr_scale: float) -> None:
        """From 1 at the threshold to 16 at scale 0."""
        share = 1.0 - min(lr_scale / self.config.below_scale, 1.0)
        self.steepness.fill_(1.0 + (_STEEPEST - 1.0) * share)

    def __call__(self, name: str, weight_BOI: Tensor) -> Tensor:
        """The bank (or matrix) as the forward pass sees it."""
        scale_BO1 = self._scales(weight_BOI.detach())
        ratio_BOI = weight_BOI / scale_BO1
        if self.config.rounding == "soft":
            return self._soft(ratio_BOI).clamp(-self.limit, self.limit) * scale_BO1
        rounded_BOI = ratio_BOI.detach().round().clamp(-self.limit, self.limit) * scale_BO1
        return weight_BOI + (rounded_BOI - weight_BOI).detach()

    def _scales(self, weight_BOI: Tensor) -> Tensor:
        """Row scales as fp16 holds them."""
        if self._deviations is None:
            range_BO1 = weight_BOI.abs().amax(dim=-1, keepdim=True)
        else:
            range_BO1 = self._deviations * weight_BOI.std(dim=-1, keepdim=True)
        scale_BO1 = (range_BO1 / self.limit).to(torch.float16).to(weight_BOI.dtype)
        return scale_BO1.clamp_min(_SMALLEST_SCALE)

    def _soft(self, ratio_BOI: Tensor) -> Tensor:
        """floor(r) + ½ + tanh(α·φ) / (2·tanh(α/2)), φ the fractional part minus ½."""
        floor_BOI = ratio_BOI.detach().floor()
        phase_BOI = ratio_BOI - floor_BOI - 0.5
        alpha = self.steepness
        return floor_BOI + 0.5 + torch.tanh(alpha * phase_BOI) / (2.0 * torch.tanh(alpha / 2.0))
