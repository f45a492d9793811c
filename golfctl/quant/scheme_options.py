"""How a matrix is quantised: the options of each scheme family. Plain configuration, no torch."""

from typing import Literal, NamedTuple

from pydantic import Field, field_validator

from golfctl.core.config import Config
from golfctl.core.table import suggestion
from golfctl.errors import ConfigError

PERCENTILES = (0.999, 0.9995, 0.9999, 0.99999, 1.0)  # the candidates of PR #374/#414 and everything after them
_RULES = {"max": None, "percentile": None, "percentile-row": None, "quantile": 0.9999984, "sd": 12.85}


class Clip(NamedTuple):
    """A clip rule and its number, if it has one."""

    rule: str
    value: float | None


def parse_clip(text: str) -> Clip:
    """Parse a clip rule.

    `max`: the row's largest |w|. `percentile`: of five percentiles of the row's |w|, the one with the smallest error
    of the whole matrix (GPTQ-lite, PR #374). `percentile-row`: the same choice made row by row. `quantile:P`: one fixed
    quantile (int8 of the baseline: 0.9999984). `sd:K`: K standard deviations of the row (SDClip, PR #1394).

    Raises:
        ConfigError: an unknown rule, or a number that does not fit it.
    """
    rule, colon, number = text.partition(":")
    if rule not in _RULES:
        raise ConfigError(f"unknown clip rule {text!r}{suggestion(rule, list(_RULES))}")
    default = _RULES[rule]
    if not colon:
        return Clip(rule, default)
    try:
        value = float(number)
    except ValueError as error:
        raise ConfigError(f"clip rule {text!r}: {number!r} is not a number; write for example sd:12.85") from error
    if default is None:
        raise ConfigError(f"clip rule {rule!r} takes no number; write clip = {rule!r}")
    if not 0 < value <= (1.0 if rule == "quantile" else 1e6):
        raise ConfigError(f"clip rule {text!r}: {value:g} is out of range")
    return Clip(rule, value)


class RowOptions(Config):
    """Options of `int2-row/1` … `int8-row/1`.

    clip: see `parse_clip`. scale_floor: no scale below 1/limit, so that the range is never narrower than ±1 (what
    PR #549's programs do; it trades precision for entropy). unrounded_scale: divide by the scale before it is rounded
    to fp16 (the baseline's int8; every other program divides by the stored scale, as we do by default).
    feedback: `none` rounds each weight by itself; `gptq` feeds each column's error into the columns after it and needs
    the layer's Hessian. damping: what is added to the Hessian's diagonal, as a fraction of its mean, once. order:
    columns by falling Hessian diagonal, or as they stand. choose_by: what the percentile search minimises.
    """

    clip: str = "percentile"
    scale_floor: bool = False
    unrounded_scale: bool = False
    feedback: Literal["none", "gptq"] = "none"
    damping: float = Field(default=0.01, ge=0, le=1)
    order: Literal["diagonal", "natural"] = "diagonal"
    choose_by: Literal["hessian", "weights"] = "hessian"

    @field_validator("clip")
    @classmethod
    def _clip_parses(cls, clip: str) -> str:
        try:
            parse_clip(clip)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return clip


class GridOptions(Config):
    """Options of `grid/1`.

    step: the rounding step in units of the square root of estimated loss: a weight costs about step²/24 nats per token,
    whichever matrix it is in. damping, output_damping: what is added to the diagonals of the inputs' and of the
    gradients' moments, as a fraction of their means, once.
    """

    step: float = Field(default=1e-5, gt=0)
    damping: float = Field(default=0.01, ge=0, le=1)
    output_damping: float = Field(default=0.01, ge=0, le=10)
