"""What a coder is: integers or floats of one array to bytes and back, exactly.

A stream says nothing about dtype or shape: whoever stores it does. Bytes are little-endian and in C order.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from golfctl.core.config import Config
from golfctl.core.decoding_rules import DecodingError
from golfctl.errors import ArtifactError, UsageError

DTYPES = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "float16",
    "uint32",
    "int32",
    "float32",
    "uint64",
    "int64",
    "float64",
)
LIMIT_BYTES = 1 << 32  # of one decoded array; readers set tighter limits of their own
_CHUNK_BYTES = 1 << 20

Array = np.ndarray[Any, Any]


class Coder(ABC):
    """One lossless coder; a row of `golfctl.coding.table` names it."""

    id: ClassVar[str]
    needs: ClassVar[str]  # what a reader of its streams must have
    Options: ClassVar[type[Config]]
    level: ClassVar[str | None] = None  # the option that `name:LEVEL` sets

    def accepts(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether arrays of this kind can be coded."""
        return dtype.name in DTYPES

    @abstractmethod
    def encode(self, array: Array, options: Any) -> bytes:
        """`array` (little-endian, C order) as bytes; `options` is of class `Options`."""

    @abstractmethod
    def decode(self, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """The array, of exactly this dtype and shape, or an `ArtifactError`; memory stays near its size."""

    def options(self, values: Mapping[str, Any]) -> Config:
        """Checked options; a `UsageError` names what is wrong and the nearest known key."""
        return self.Options.from_dict(dict(values), f"coder {self.id}")


def little_endian(array: Array) -> Array:
    """A C-ordered little-endian view or copy of `array`.

    Raises:
        UsageError: no coder takes this dtype.
    """
    if array.dtype.name not in DTYPES:
        raise UsageError(f"cannot code an array of {array.dtype}; known: {', '.join(DTYPES)}")
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)


def size_bytes(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    """Bytes of an array; an `ArtifactError` for a negative axis or more than `LIMIT_BYTES`."""
    size = math.prod(shape) * dtype.itemsize
    if any(axis < 0 for axis in shape) or size > LIMIT_BYTES:
        raise DecodingError(
            "coder-array", f"an array of shape {shape} and {dtype} is beyond the {LIMIT_BYTES:,} bytes decoded at once"
        )
    return size


class Sink:
    """Collects exactly `size` decoded bytes; more or fewer are an `ArtifactError`."""

    def __init__(self, coder_id: str, size: int) -> None:
        self._id, self._filled = coder_id, 0
        try:
            self._bytes = np.empty(size, np.uint8)
        except MemoryError as error:
            raise ArtifactError(f"{coder_id}: no memory for {size:,} decoded bytes") from error

    @property
    def room(self) -> int:
        """Most bytes to ask a decoder for next: what is missing, in pieces, and one more to catch a surplus."""
        return min(_CHUNK_BYTES, self._bytes.size - self._filled + 1)

    def put(self, piece: bytes) -> None:
        """Append decoded bytes."""
        end = self._filled + len(piece)
        if end > self._bytes.size:
            raise DecodingError(
                "payload", f"{self._id}: the stream holds more than the {self._bytes.size:,} bytes it should"
            )
        self._bytes[self._filled : end] = np.frombuffer(piece, np.uint8)
        self._filled = end

    def whole(self, finished: bool, left_over: int = 0) -> Array:
        """The bytes, once the stream has `finished` with no input `left_over`."""
        if self._filled != self._bytes.size or not finished:
            raise DecodingError(
                "payload", f"{self._id}: the stream ends after {self._filled:,} of {self._bytes.size:,} bytes"
            )
        if left_over:
            raise DecodingError("payload", f"{self._id}: {left_over:,} bytes follow the end of the stream")
        return self._bytes
