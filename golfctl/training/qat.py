"""Late quantisation-aware training: the forward pass sees matrices on the row grid that packing will use.

Shapes: B matrices of a bank, O rows, I columns. Hard: round, with the straight-through gradient (PR #549).
Soft: rounding by a differentiable staircase that steepens as the learning rate falls (PR #761's option).
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from golfctl.core.config import Config
from golfctl.errors import ConfigError
from golfctl.packing.config import PackConfig
from golfctl.packing.without_effect import FLOAT_BITS, TERNARY_BITS
from golfctl.quant.scheme_options import parse_clip
from golfctl.quant.schemes.rows import RowLayout

_SMALLEST_SCALE = 2.0**-24  # smallest fp16 number above zero
_STEEPEST = 16.0


class QatConfig(Config):
    """Which rounding the forward pass sees, once the warmdown's scale is below `below_scale`."""

    rounding: Literal["none", "hard", "soft"] = "none"
    below_scale: float = Field(default=0.15, gt=0.0, le=1.0)


def check_row_grid(pack: PackConfig) -> None:
    """Raise ConfigError unless the grid that packing will round matrices to is known while the model is trained."""
    if pack.matrix_bits in (TERNARY_BITS, *FLOAT_BITS) or pack.method == "entropy":
        raise ConfigError(
            "train.qat needs a row grid, but [pack] keeps floats, is ternary or uses the entropy quantizer"
        )
    if pack.fit or pack.tensors:
        key = "fit" if pack.fit else "tensors"
        raise ConfigError(f"train.qat needs one row grid for all matrices, but [pack] {key} gives each its own")


class FakeQuantizer:
    """A `LanguageModel.weight_map` that puts every bank on the grid of `pack`'s matrices.

    The range of a row is what packing takes: its largest magnitude, a quantile, K standard deviations. Where packing
    searches among percentiles, it is the largest magnitude, one of the candidates. `steepness` (a 0-D tensor, so that
    compiled code need not be made again) belongs to soft rounding.
    """

    def __init__(self, config: QatConfig, pack: PackConfig, device: torch.device) -> None:
        """Raises ConfigError as `check_row_grid` does."""
        check_row_grid(pack)
        options = pack.matrix_options()
        self.config = config
        self.limit = RowLayout(pack.matrix_bits).limit
        self._clip = parse_clip(options.clip)
        self._smallest = 1.0 / self.limit if options.scale_floor else 0.0
        self.steepness = torch.ones((), device=device)

    def active(self, warmdown_scale: float) -> bool:
        """Whether the forward pass at this scale of the warmdown is quantised."""
        return self.config.rounding != "none" and warmdown_scale < self.config.below_scale

    def set_steepness(self, warmdown_scale: float) -> None:
        """From 1 at the threshold to 16 at scale 0."""
        share = 1.0 - min(warmdown_scale / self.config.below_scale, 1.0)
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
        scale_BO1 = (self._ranges(weight_BOI) / self.limit).clamp_min(self._smallest)
        return scale_BO1.to(torch.float16).to(weight_BOI.dtype).clamp_min(_SMALLEST_SCALE)

    def _ranges(self, weight_BOI: Tensor) -> Tensor:
        rule, value = self._clip
        if rule == "sd":
            return (value or 0.0) * weight_BOI.std(dim=-1, keepdim=True)
        if rule == "quantile":
            return _quantile(weight_BOI.abs(), value or 1.0)
        return weight_BOI.abs().amax(dim=-1, keepdim=True)

    def _soft(self, ratio_BOI: Tensor) -> Tensor:
        """floor(r) + ½ + tanh(α·φ) / (2·tanh(α/2)), φ the fractional part minus ½."""
        floor_BOI = ratio_BOI.detach().floor()
        phase_BOI = ratio_BOI - floor_BOI - 0.5
        alpha = self.steepness
        return floor_BOI + 0.5 + torch.tanh(alpha * phase_BOI) / (2.0 * torch.tanh(alpha / 2.0))


def _quantile(magnitude_BOI: Tensor, level: float) -> Tensor:
    """Linear quantile of every row [B, O, 1], in operations that compile into one graph."""
    last = magnitude_BOI.shape[-1] - 1
    place = level * last
    low = min(int(place), last)
    top_BOK = magnitude_BOI.topk(last - low + 1, dim=-1).values
    below_BO1, above_BO1 = top_BOK[..., -1:], top_BOK[..., -2:][..., :1]
    return below_BO1 + (above_BO1 - below_BO1) * (place - low)
