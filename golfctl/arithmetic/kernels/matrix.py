"""Products with weight matrices: y[n, o] = Σ x[n, i] · w[o, i] in float32, i in order from 0, each operation rounded.

Shapes: N rows, I inputs, O outputs, C = 32 columns of a block.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from golfctl.arithmetic.kernels.arrays import check, kernel_call, rows, singles, work
from golfctl.arithmetic.kernels.compiling import kernel
from golfctl.arithmetic.kernels.tiles import COLUMNS, product_of_1, product_of_4
from golfctl.errors import UsageError

_ROWS = 64
"""Rows that go through all columns before the next do: they and their results stay in the cache."""


@kernel
def _product(
    first: int, stop: int, x: np.ndarray, packed: np.ndarray, inputs: int, outputs: int, y: np.ndarray
) -> None:
    """Rows `first` to `stop` of flat x [N, I] and y [N, O]."""
    beyond = np.empty(4 * COLUMNS, np.float32)
    for begin in range(first, stop, _ROWS):
        end = min(begin + _ROWS, stop)
        for start in range(0, outputs, COLUMNS):
            _block(begin, end, start, x, packed, inputs, outputs, y, beyond)


@kernel
def _block(
    first: int,
    stop: int,
    start: int,
    x: np.ndarray,
    packed: np.ndarray,
    inputs: int,
    outputs: int,
    y: np.ndarray,
    beyond: np.ndarray,
) -> None:
    """32 columns of some rows, 4 rows at a time; `beyond` is memory for columns that y does not have."""
    width, w_place = min(COLUMNS, outputs - start), start * inputs
    whole, fours = width == COLUMNS, stop - (stop - first) % 4
    for n in range(first, fours, 4):
        if whole:
            product_of_4(x, n * inputs, packed, w_place, y, n * outputs + start, inputs, inputs, outputs)
        else:
            product_of_4(x, n * inputs, packed, w_place, beyond, 0, inputs, inputs, COLUMNS)
            for row in range(4):
                for j in range(width):
                    y[(n + row) * outputs + start + j] = beyond[row * COLUMNS + j]
    for n in range(fours, stop):
        product_of_1(x, n * inputs, packed, w_place, beyond, 0, inputs, inputs, COLUMNS)
        for j in range(width):
            y[n * outputs + start + j] = beyond[j]


@kernel_call
def product(x: Tensor, weight_OI: Tensor) -> Tensor:
    """x Wᵀ over the last dimension: sums in float32, inputs in order, products and sums rounded one by one.

    Args:
        x: [..., I], float32.
        weight_OI: float32; its packed form is kept for as long as the tensor's memory lives and its version stays.

    Raises:
        UsageError: shapes or dtypes do not fit.
    """
    check(weight_OI)
    matrix, x_NI = _packed(weight_OI), rows(x)
    if x_NI.dtype != np.float32 or x_NI.shape[1] != matrix.inputs:
        raise UsageError(f"product: {x.dtype} {tuple(x.shape)} does not go with a matrix {tuple(weight_OI.shape)}")
    inputs, outputs, count = matrix.inputs, matrix.outputs, len(x_NI)
    y_N = np.empty(count * outputs, np.float32)
    work(_product, count, inputs * outputs // 8, x_NI.reshape(-1), matrix.packed, inputs, outputs, y_N)
    return torch.from_numpy(y_N.reshape(*x.shape[:-1], outputs))


class _Matrix(NamedTuple):
    """A packed matrix: flat [O / 32, I, 32], zeros beyond O; and what tells whether it still is that matrix."""

    packed: np.ndarray
    inputs: int
    outputs: int
    memory: StorageWeakRef
    version: int


_kept: dict[tuple[Any, ...], _Matrix] = {}


def _packed(weight_OI: Tensor) -> _Matrix:
    """The matrix packed; kept, unless changes of the tensor are not counted."""
    if torch.is_inference_mode_enabled() or weight_OI.is_inference():
        return _pack(weight_OI, 0)
    key = (weight_OI.data_ptr(), weight_OI.shape, weight_OI.stride(), weight_OI.dtype)
    found = _kept.get(key)
    if found is None or found.version != weight_OI._version or found.memory.expired():
        for old in [key for key, kept in _kept.items() if kept.memory.expired()]:
            del _kept[old]
        _kept[key] = found = _pack(weight_OI, weight_OI._version)
    return found


def _pack(weight_OI: Tensor, version: int) -> _Matrix:
    (w_OI,) = singles(weight_OI)
    if w_OI.ndim != 2:
        raise UsageError(f"product: the weight has shape {tuple(weight_OI.shape)}, and a matrix was expected")
    outputs, inputs = w_OI.shape
    blocks = -(-outputs // COLUMNS)
    full_OI = np.zeros((blocks * COLUMNS, inputs), np.float32)
    full_OI[:outputs] = w_OI
    packed = np.ascontiguousarray(full_OI.reshape(blocks, COLUMNS, inputs).transpose(0, 2, 1)).reshape(-1)
    return _Matrix(packed, inputs, outputs, StorageWeakRef(weight_OI.untyped_storage()), version)
