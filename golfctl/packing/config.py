"""The `[pack]` table of a recipe: how a checkpoint becomes an artifact. No torch here."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from golfctl.core.config import Config
from golfctl.errors import GolfError
from golfctl.packing.calibration_choice import parse_calibration
from golfctl.quant.options import RowOptions, parse_clip

Bits = Literal[2, 3, 4, 5, 6, 7, 8, 16, 32]
FLOAT_BITS = (16, 32)
EMBEDDING_CLIP = "quantile:0.9999984"  # the baseline's rule for int8 embeddings


class PackConfig(Config):
    """Everything that decides an artifact's bytes, beside the checkpoint.

    quantizer: `round` to nearest; `gptq-lite`, rounding with a percentile search; `gptq`, full-Hessian error feedback.
    bits, bits_embed: of matrices, and of embeddings and heads; 16 and 32 keep floats. clip, clip_embed: see
    `golfctl.quant.options.parse_clip`; None takes the quantizer's own. scale_floor: PR #549's floor under the scales.
    gains: floats for gains, gates and scalars. calibration: where GPTQ's inputs come from, `none`, `train:TOKENS` or
    `self:TOKENS`; validation text is never an option. coder: as `golfctl.coding.parse_coder` reads it. budget: a
    profile name, a number of bytes, or `none`. code: source files to embed and count; external: files to count
    without embedding. slim: leave out tokenizer, evaluation stack and provenance.
    """

    quantizer: Literal["round", "gptq-lite", "gptq"] = "gptq-lite"
    bits: Bits = 6
    bits_embed: Bits = 8
    clip: str | None = None
    clip_embed: str | None = None
    scale_floor: bool = False
    gains: Literal["fp16", "fp32"] = "fp32"
    damping: float = Field(default=0.01, ge=0, le=1)
    calibration: str = "none"
    seed: int = Field(default=0, ge=0)
    coder: str = "lzma:9"
    budget: str = "parameter-golf"
    code: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    slim: bool = False

    @field_validator("clip", "clip_embed")
    @classmethod
    def _clip_parses(cls, clip: str | None) -> str | None:
        return None if clip is None else _valid(clip, parse_clip)

    @field_validator("calibration")
    @classmethod
    def _calibration_parses(cls, calibration: str) -> str:
        return _valid(calibration, parse_calibration)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.quantizer == "gptq" and self.calibration == "none":
            raise ValueError("quantizer gptq needs calibration = 'train:TOKENS' or 'self:TOKENS'")
        if self.quantizer != "gptq" and self.calibration != "none":
            raise ValueError(f"calibration has no effect with quantizer {self.quantizer!r}; take gptq or drop it")
        if self.quantizer == "gptq-lite" and not (self.clip or "percentile").startswith("percentile"):
            raise ValueError(f"gptq-lite is the percentile search; for clip = {self.clip!r} take quantizer = 'round'")
        for bits, clip, names in ((self.bits, self.clip, "clip"), (self.bits_embed, self.clip_embed, "clip_embed")):
            if bits in FLOAT_BITS and clip is not None:
                raise ValueError(f"{names} = {clip!r} has no effect on tensors kept as {bits}-bit floats")
        return self

    def matrix_options(self) -> RowOptions:
        """Options for matrices of at most 8 bits."""
        default = "max" if self.quantizer == "round" else "percentile"
        return RowOptions(
            clip=self.clip or default,
            scale_floor=self.scale_floor,
            feedback="gptq" if self.quantizer == "gptq" else "none",
            damping=self.damping,
        )

    def embedding_options(self) -> RowOptions:
        """Options for embeddings and heads of at most 8 bits."""
        return RowOptions(clip=self.clip_embed or EMBEDDING_CLIP, scale_floor=self.scale_floor)


def _valid(text: str, parse: object) -> str:
    try:
        parse(text)  # type: ignore[operator]
    except GolfError as error:
        raise ValueError(str(error)) from error
    return text
