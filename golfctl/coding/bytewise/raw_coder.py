"""`raw/1`: the bytes themselves."""

from typing import Any

import numpy as np

from golfctl.coding.base import Array, Coder, Sink, size_bytes
from golfctl.core.config import Config


class RawOptions(Config):
    """`raw` has no options."""


class RawCoder(Coder):
    """The array's bytes, little-endian, in C order, with no header."""

    id = "raw/1"
    needs = "nothing"
    Options = RawOptions

    def encode(self, array: Array, options: RawOptions) -> bytes:
        """The bytes of `array`."""
        return array.tobytes()

    def decode(self, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """A writable copy of `data` as an array."""
        sink = Sink(self.id, size_bytes(dtype, shape))
        sink.put(bytes(data))
        return sink.whole(True).view(dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)
