"""What a model will weigh packed, from its shapes alone, before any training; and how far that may be off.

Trained weights are close to Gaussian per row, so a row scheme's rate follows from its clip rule: `gaussian_bits` of the
step in units of the row's spread. What the shapes cannot tell is stated as the error.
"""

import math
from typing import Any, NamedTuple

from golfctl.coding import encode_bytes, gaussian_bits
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import shapes_by_name
from golfctl.packing.assignment import Assignment, assign
from golfctl.packing.config import PackConfig
from golfctl.quant.scheme_options import RowOptions, parse_clip

_MANIFEST_BYTES = (700, 24)  # once, and per tensor
_BYTE_CODER_BITS = 0.15  # per weight: what lzma and its like lose on integers against the weight coder
_SCALE_BITS = 14  # of an fp16 row scale, coded
# The spread of a weight, where a scale floor decides the step, grows with training: about 0.04 after minutes on a CPU,
# about 0.2 after the records' ten minutes (PR #1150's 4.70 bits a weight). The middle, and an error that reaches both.
_FLOOR_SPREAD = 0.09
_ENTROPY_BITS = 3.2  # per weight at an estimated loss of 0.001, measured on models of 3 M weights
_ERRORS = {"row": 0.10, "floor": 0.45, "entropy": 0.30, "float": 0.12}  # of the bytes, either way


class SizeForecast(NamedTuple):
    """Bytes of the artifact, and the error to expect either way."""

    bytes: int
    error_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self._asdict()


def forecast(
    spec: ModelSpec, config: PackConfig, tokenizer: bytes = b"", limit_bytes: int | None = None
) -> SizeForecast:
    """Forecast the file size of a trained model of `spec` packed with `config`.

    `tokenizer` is counted at its coded size unless `slim`. With `fit` the size is known: `limit_bytes` less the margin.
    """
    if config.fit and limit_bytes is not None:
        room = limit_bytes - config.margin
        return SizeForecast(round(room * 0.9975), round(room * 0.0025))
    shapes = shapes_by_name(spec)
    expected, error = 0.0, 0.0
    for one in assign(spec, config):
        bits = _tensor_bits(one, shapes[one.name], config)
        expected += bits
        error += bits * _ERRORS[_kind(one)]
    fixed = _MANIFEST_BYTES[0] + _MANIFEST_BYTES[1] * len(shapes)
    if tokenizer and not config.slim:
        fixed += len(encode_bytes("lzma/1", tokenizer, preset=9))
    return SizeForecast(round(expected / 8 + fixed), round(error / 8))


def _kind(one: Assignment) -> str:
    if one.scheme == "grid/1":
        return "entropy"
    if isinstance(one.options, RowOptions):
        return "floor" if one.options.scale_floor else "row"
    return "float"


def _tensor_bits(one: Assignment, shape: tuple[int, ...], config: PackConfig) -> float:
    weights = math.prod(shape)
    loses = 0.0 if config.coder.startswith(("rans", "auto")) else _BYTE_CODER_BITS
    if one.scheme == "grid/1":
        return weights * max(0.3, _ENTROPY_BITS - 0.5 * math.log2(config.target_loss / 1e-3) + loses)
    if one.scheme == "ternary-group/1":
        return weights * (8 / 5 + 16 / 128)
    if not isinstance(one.options, RowOptions):
        return weights * (15.0 if one.scheme == "fp16/1" else 29.0)
    limit = 2 ** (int(one.scheme[3]) - 1) - 1
    step = _range_in_spreads(one.options, shape[-1]) / limit
    if one.options.scale_floor:
        step = max(step, 1 / limit / _FLOOR_SPREAD)
    return weights * (gaussian_bits(step) + loses) + shape[0] * _SCALE_BITS


def _range_in_spreads(options: RowOptions, columns: int) -> float:
    """Where the rule clips a Gaussian row, in standard deviations."""
    rule, value = parse_clip(options.clip)
    if rule == "sd":
        return value or 1.0
    return math.sqrt(2 * math.log(2 * columns)) - 0.5  # about the largest of that many Gaussian magnitudes
