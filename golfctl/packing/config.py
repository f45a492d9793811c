"""The `[pack]` table of a recipe: how a checkpoint becomes an artifact. No torch here."""

from typing import Any, Literal, Self, cast

from pydantic import Field, field_validator, model_validator

from golfctl.core.config import Config
from golfctl.errors import GolfError
from golfctl.packing.hessians.wording import CalibrationChoice, parse_calibration
from golfctl.packing.without_effect import in_octaves, is_calibrated, method_of, without_effect
from golfctl.quant.scheme_options import RowOptions, parse_clip

Bits = Literal[1, 2, 3, 4, 5, 6, 7, 8, 16, 32]
Quantizer = Literal["round", "gptq-lite", "gptq", "entropy"]
EMBEDDING_CLIP = "quantile:0.9999984"  # the baseline's rule for int8 embeddings
_LOSS = 1e-3
OCTAVE_LIMIT = 16


class PackConfig(Config):
    """Everything that decides an artifact's bytes, beside the checkpoint.

    quantizer: `round` to nearest; `gptq-lite`, rounding with a percentile search; `gptq`, full-Hessian error feedback;
        `entropy`, unbounded integers on steps of equal estimated loss. None: `entropy` with `fit`, else `gptq-lite`.
    bits (None: 6), bits_embed (None: 8): of matrices, and of embeddings and heads; 16, 32 keep floats, 1 is ternary.
    clip, clip_embed: see `golfctl.quant.scheme_options.parse_clip`; None takes the quantizer's own.
    scale_floor: PR #549's floor under the scales.
    loss: what `entropy` may cost by its own estimate, in nats per token (None: 0.001).
    gains: floats for gains, gates and scalars. damping, output_damping: see `golfctl.quant.scheme_options`.
    calibration: text for gptq and entropy, `train:TOKENS` or `self:TOKENS`; validation text is never an option.
    coder: as `golfctl.coding.parse_coder` reads it. budget: a profile name, a number of bytes, or `none`.
    fit: spread the budget over the tensors so that the result lands `margin` bytes or a little more under it: steps of
        `entropy`, the K of clip `sd:K`, else bits.
    tensors: settings of single tensors by name, what `fit` finds: octaves by which the step (`entropy`) or the K (clip
        `sd`) lies above the common one; bits for every other quantizer.
    feedback_embed: whether `gptq` feeds back errors in embeddings too, through the head's Hessian.
    code: source files to embed and count. external: files to count without embedding.
    slim: leave out tokenizer, evaluation stack and provenance.
    """

    quantizer: Quantizer | None = None
    bits: Bits | None = None
    bits_embed: Bits | None = None
    clip: str | None = None
    clip_embed: str | None = None
    scale_floor: bool = False
    loss: float | None = Field(default=None, gt=0, le=100)
    gains: Literal["fp16", "fp32"] = "fp32"
    damping: float = Field(default=0.01, ge=0, le=1)
    output_damping: float = Field(default=0.1, ge=0, le=10)
    calibration: str | None = None
    seed: int = Field(default=0, ge=0)
    coder: str = "auto"
    budget: str = "parameter-golf"
    fit: bool = False
    margin: int = Field(default=0, ge=0)
    tensors: dict[str, float] = Field(default_factory=dict)
    feedback_embed: bool = True
    code: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    slim: bool = False

    @field_validator("clip", "clip_embed")
    @classmethod
    def _clip_parses(cls, clip: str | None) -> str | None:
        return None if clip is None else _valid(clip, parse_clip)

    @field_validator("calibration")
    @classmethod
    def _calibration_parses(cls, calibration: str | None) -> str | None:
        return None if calibration is None else _valid(calibration, parse_calibration)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        self._check_needs()
        self._check_effects()
        self._check_tensors()
        return self

    @property
    def method(self) -> Quantizer:
        """The quantizer in use."""
        return cast(Quantizer, method_of(vars(self)))

    @property
    def matrix_bits(self) -> int:
        """Bits of matrices (row schemes)."""
        return self.bits or 6

    @property
    def embedding_bits(self) -> int:
        """Bits of embeddings and heads (row schemes)."""
        return self.bits_embed or 8

    @property
    def target_loss(self) -> float:
        """Estimated loss of the entropy quantizer, in nats per token."""
        return self.loss or _LOSS

    @property
    def calibration_choice(self) -> CalibrationChoice:
        """Where calibration text comes from; source `none` for what needs none."""
        return parse_calibration(self.calibration or ("train" if self._calibrated else "none"))

    @property
    def gradients(self) -> bool:
        """Whether calibration has to collect the gradients' moments too."""
        return self.method == "entropy" or self.fit

    @property
    def in_octaves(self) -> bool:
        """Whether tensors differ in octaves of their step; in bits otherwise."""
        return in_octaves(vars(self))

    def fitted(self, **found: Any) -> "PackConfig":
        """This configuration with what `fit` found; packing with it gives the same bytes without searching."""
        reads_text = is_calibrated({"quantizer": self.method})
        calibration = self.calibration if reads_text else None
        update = {"fit": False, "margin": 0, "quantizer": self.method, "calibration": calibration, **found}
        return self.model_copy(update=update)

    @property
    def _calibrated(self) -> bool:
        return is_calibrated(vars(self))

    def matrix_options(self) -> RowOptions:
        """Options for matrices of at most 8 bits."""
        default = "max" if self.method == "round" else "percentile"
        return RowOptions(
            clip=self.clip or default,
            scale_floor=self.scale_floor,
            feedback="gptq" if self.method == "gptq" else "none",
            damping=self.damping,
            choose_by="hessian" if self.method == "gptq" else "weights",
        )

    def embedding_options(self) -> RowOptions:
        """Options for embeddings and heads of at most 8 bits."""
        return RowOptions(
            clip=self.clip_embed or EMBEDDING_CLIP,
            scale_floor=self.scale_floor,
            feedback="gptq" if self.method == "gptq" and self.feedback_embed else "none",
            damping=self.damping,
        )

    def _check_needs(self) -> None:
        if self.fit and self.budget == "none":
            raise ValueError("fit needs a budget")
        if self._calibrated and self.calibration and parse_calibration(self.calibration).source == "none":
            what = "fit" if self.fit else f"quantizer {self.method!r}"
            raise ValueError(f"{what} needs calibration = 'train:TOKENS' or 'self:TOKENS'")

    def _check_effects(self) -> None:
        for key, on, advice in without_effect(vars(self)):
            raise ValueError(f"{key} has no effect on {on}: {advice}")

    def _check_tensors(self) -> None:
        for name, value in self.tensors.items():
            if self.in_octaves and abs(value) > OCTAVE_LIMIT:
                raise ValueError(f"tensors: {name} = {value:g}: octaves lie between -{OCTAVE_LIMIT} and {OCTAVE_LIMIT}")
            if not self.in_octaves and value not in range(2, 9):
                raise ValueError(f"tensors: {name} = {value:g}: bits of single tensors are 2 to 8")


def _valid(text: str, parse: object) -> str:
    try:
        parse(text)  # type: ignore[operator]
    except GolfError as error:
        raise ValueError(str(error)) from error
    return text
