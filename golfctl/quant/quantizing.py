"""`quantize`: one float tensor to a scheme's codes and side parameters, with the checks that no scheme may forget."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from golfctl.core.config import Config
from golfctl.errors import ArtifactError, NumericsError, UsageError
from golfctl.quant.rounding.to_grid import to_grid
from golfctl.quant.rounding.to_rows import to_rows
from golfctl.quant.scheme_options import GridOptions, RowOptions
from golfctl.quant.schemes.floats import FloatLayout
from golfctl.quant.schemes.grid import GridLayout
from golfctl.quant.schemes.rows import RowLayout
from golfctl.quant.schemes.ternary import TernaryLayout, to_ternary
from golfctl.quant.stats import LayerStats
from golfctl.quant.table import SCHEMES
from golfctl.quant.tensor import Layout, QuantizedTensor

_HALF_PRECISION = 2.0**-11  # relative rounding error of fp16 above its subnormal range


def quantize(
    scheme: str, weight: Tensor | np.ndarray, stats: LayerStats | None = None, options: Config | None = None
) -> QuantizedTensor:
    """Quantise `weight` (any float type) to `scheme`; `options` belong to the scheme's family, None takes its defaults.

    Raises:
        UsageError: an unknown scheme, a tensor that does not fit it, options of another family, or a method that
        needs statistics that were not given. NumericsError: NaN or Inf, or numbers the scheme cannot hold.
    """
    layout = SCHEMES.find(scheme)
    tensor = torch.as_tensor(weight).detach().to(torch.float32)
    _check(layout, scheme, tensor, stats)
    if isinstance(layout, FloatLayout):
        _expect(options, type(None), scheme)
        return _to_float(layout, tensor)
    if isinstance(layout, RowLayout):
        _expect(options, RowOptions, scheme)
        return to_rows(layout, [tensor], [stats], options if isinstance(options, RowOptions) else RowOptions())[0]
    if isinstance(layout, TernaryLayout):
        _expect(options, type(None), scheme)
        return to_ternary(layout, tensor.cpu().numpy())
    if isinstance(layout, GridLayout):
        _expect(options, GridOptions, scheme)
        return to_grid(tensor, stats, options if isinstance(options, GridOptions) else GridOptions())
    raise UsageError(f"{scheme} can be read but not written by this version")


def quantize_batch(
    scheme: str, weights: Sequence[Tensor], stats: Sequence[LayerStats | None], options: RowOptions
) -> list[QuantizedTensor]:
    """`quantize` of several matrices of one shape at once, for a row scheme; the same codes as one after the other.

    Raises:
        UsageError: not a row scheme, shapes that differ, and as `quantize`. NumericsError: as `quantize`.
    """
    layout = SCHEMES.find(scheme)
    tensors = [torch.as_tensor(weight).detach().to(torch.float32) for weight in weights]
    if not isinstance(layout, RowLayout) or len({tuple(tensor.shape) for tensor in tensors}) != 1:
        raise UsageError(f"{scheme}: a batch holds matrices of one shape, for a scheme with rows")
    for tensor, one in zip(tensors, stats, strict=True):
        _check(layout, scheme, tensor, one)
    return to_rows(layout, tensors, stats, options)


def _check(layout: Layout, scheme: str, tensor: Tensor, stats: LayerStats | None) -> None:
    """What no scheme may forget: finite weights, a shape that fits, statistics that belong to it."""
    shape = tuple(tensor.shape)
    _check_finite(tensor)
    try:
        layout.part_specs(shape)
    except ArtifactError as error:
        raise UsageError(str(error)) from error
    if stats is not None and stats.hessian_CC.shape[0] != shape[-1]:
        raise UsageError(f"a Hessian of {stats.hessian_CC.shape[0]} inputs does not belong to a tensor {list(shape)}")


def _expect(options: Config | None, family: type, scheme: str) -> None:
    if options is not None and not isinstance(options, family):
        raise UsageError(f"{scheme} does not take {type(options).__name__}")


def _check_finite(tensor: Tensor) -> None:
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        raise NumericsError(f"{bad:,} of {tensor.numel():,} weights are NaN or infinite: take an earlier checkpoint")


def _to_float(layout: FloatLayout, tensor: Tensor) -> QuantizedTensor:
    """fp32 as it is; fp16 only where it keeps the values, else fp32 with a note."""
    values = tensor.cpu().numpy()
    if layout.dtype == "float32":
        return QuantizedTensor(layout.scheme, values.shape, {"values": values})
    with np.errstate(over="ignore", under="ignore"):
        half = values.astype(np.float16)
    error = np.linalg.norm(half.astype(np.float64) - values)
    if not error <= _HALF_PRECISION * np.linalg.norm(values.astype(np.float64)):
        note = "fp16 would overflow, or underflow so far that precision is lost: kept in fp32"
        return QuantizedTensor("fp32/1", values.shape, {"values": values}, (note,))
    return QuantizedTensor(layout.scheme, values.shape, {"values": half})
