"""The order in which an array's bytes meet a byte compressor; one header byte of the stream names it.

bit 0: transposed (the array as a matrix of shape[0] rows is coded column by column)
bit 1: planes     (first byte 0 of every item, then byte 1 of every item, …)
"""

import math
from typing import Any, Literal

import numpy as np

from golfctl.coding.base import Array
from golfctl.core.decoding_rules import DecodingError

Layout = Literal["plain", "transposed", "planes", "transposed-planes"]
LAYOUTS: tuple[Layout, ...] = ("plain", "transposed", "planes", "transposed-planes")
_TRANSPOSED, _PLANES = 1, 2


def arrange(array: Array, layout: Layout) -> bytes:
    """The bytes of a little-endian array in the order `layout` says."""
    flags = LAYOUTS.index(layout)
    if flags & _TRANSPOSED:
        array = np.ascontiguousarray(_matrix(array).T)
    if flags & _PLANES:
        return _items(array).T.tobytes()
    return array.tobytes()


def restore(data: Array, flags: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Undo `arrange`: uint8 bytes back to an array; `data` may be reused."""
    if flags & _PLANES:
        data = np.ascontiguousarray(data.reshape(dtype.itemsize, -1).T).reshape(-1)
    array = data.view(dtype.newbyteorder("<")).astype(dtype, copy=False)
    if flags & _TRANSPOSED:
        rows, columns = _rows_columns(shape)
        array = np.ascontiguousarray(array.reshape(columns, rows).T)
    return array.reshape(shape)


def split_header(coder_id: str, data: memoryview) -> tuple[int, memoryview]:
    """The layout flags of a stream and what follows them."""
    if len(data) == 0 or data[0] >= len(LAYOUTS):
        raise DecodingError("layout-byte", f"{coder_id}: the stream has no valid layout byte")
    return data[0], data[1:]


def header(layout: Layout) -> bytes:
    """The layout byte."""
    return bytes([LAYOUTS.index(layout)])


def _rows_columns(shape: tuple[int, ...]) -> tuple[int, int]:
    return (shape[0] if shape else 1), math.prod(shape[1:])


def _matrix(array: Array) -> Array:
    return array.reshape(_rows_columns(array.shape))


def _items(array: Array) -> Array:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, array.itemsize)
