"""`encode` and `decode` by coder id, with the checks that hold for every coder."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from golfctl.coding.base import DTYPES, Array, little_endian, size_bytes
from golfctl.coding.table import coder
from golfctl.core.decoding_rules import DecodingError
from golfctl.errors import ArtifactError, UsageError


def encode(coder_id: str, array: Array, **options: Any) -> bytes:
    """Code an array of any shape; dtypes as in `base.DTYPES`, fewer for coders that say so.

    Raises:
        UsageError: unknown coder, or one that does not take this array. ConfigError: a bad option.
        DependencyError: the coder needs a library that is not installed.
    """
    found = coder(coder_id)
    array = little_endian(np.asarray(array))
    if not found.accepts(array.dtype, array.shape):
        raise UsageError(f"coder {coder_id} does not take {array.dtype} arrays of shape {array.shape}")
    return found.encode(array, found.options(options))


def decode(coder_id: str, data: bytes | bytearray | memoryview, dtype: DTypeLike, shape: tuple[int, ...]) -> Array:
    """The array that was coded: exactly `dtype` and `shape`, writable, in the machine's byte order.

    Memory stays within a few times the array's size plus 32 MiB, whatever `data` claims.

    Raises:
        ArtifactError: unknown coder, or `data` is damaged or does not hold exactly this array.
        DependencyError: the coder needs a library that is not installed.
    """
    found = coder(coder_id, partial(DecodingError, "coder"))
    kind, shape = np.dtype(dtype).newbyteorder("="), tuple(int(axis) for axis in shape)
    if kind.name not in DTYPES or not found.accepts(kind, shape):
        raise DecodingError("coder-array", f"coder {coder_id} does not hold {kind} arrays of shape {shape}")
    size_bytes(kind, shape)
    try:
        array = found.decode(memoryview(data).cast("B"), kind, shape)
    except MemoryError as error:
        raise ArtifactError(f"coder {coder_id}: no memory for {kind} {shape}") from error
    if array.dtype != kind or array.shape != shape:
        raise ArtifactError(f"coder {coder_id} gave {array.dtype} {array.shape} instead of {kind} {shape}")
    return array


def encode_bytes(coder_id: str, data: bytes, **options: Any) -> bytes:
    """Code plain bytes, as an array of uint8."""
    return encode(coder_id, np.frombuffer(data, np.uint8), **options)


def decode_bytes(coder_id: str, data: bytes | bytearray | memoryview, length: int) -> bytes:
    """Plain bytes of a known length.

    Raises:
        ArtifactError: as `decode`.
    """
    return decode(coder_id, data, np.uint8, (length,)).tobytes()


def accepts(coder_id: str, dtype: DTypeLike, shape: tuple[int, ...]) -> bool:
    """Whether coder `coder_id` takes such arrays."""
    return coder(coder_id).accepts(np.dtype(dtype), tuple(shape))
