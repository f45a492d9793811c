"""The stream of `rans/1`: a short header, then 32-bit words that hold side information and codes.

    header   varint   flags (0)
             byte     shape, an index into SHAPES
             zigzag   offset, subtracted from every code before coding
             zigzag   lo, then varint hi - lo: the range of the codes after that
             varint   base, the middle spread in eighth-octaves
             byte     rows: 0 (all spreads are the base), else 1 + 2·bucket + delta
             byte     columns: the same
    words    the 64-bit state, high word first, then the words to refill it with; each word little-endian

Decoding order: row spreads, column spreads, codes row by row. The state the encoder starts from, which the decoder
must end with, holds the shape: a stream does not decode as a matrix of another.
"""

from typing import Any, NamedTuple

import numpy as np

from golfctl.coding.rans.distributions import BUCKETS, SHAPES
from golfctl.coding.rans.side import SIDE_BUCKETS, Side
from golfctl.core.decoding_rules import DecodingError

Array = np.ndarray[Any, Any]
_VARINT_BYTES = 6


class Header(NamedTuple):
    """What a decoder must know before the words."""

    shape: int
    offset: int
    lo: int
    hi: int
    base: int
    rows: Side
    columns: Side


def write_header(header: Header) -> bytes:
    """The header's bytes."""
    return (
        b"\0"
        + bytes([header.shape])
        + _varint(_zigzag(header.offset))
        + _varint(_zigzag(header.lo))
        + _varint(header.hi - header.lo)
        + _varint(header.base)
        + bytes([_side_byte(header.rows), _side_byte(header.columns)])
    )


def read_header(data: memoryview, name: str) -> tuple[Header, memoryview]:
    """A header and the words after it; an `ArtifactError` for anything no encoder writes."""
    reader = _Reader(data, name)
    if reader.varint():
        raise DecodingError("rans-header", f"{name}: the stream asks for a feature this reader does not know")
    shape = reader.byte(len(SHAPES) - 1)
    offset = _unzigzag(reader.varint())
    lo = _unzigzag(reader.varint())
    hi = lo + reader.varint()
    base = reader.varint()
    if base >= BUCKETS or lo < -(1 << 31) or hi >= 1 << 31:
        raise DecodingError("rans-header", f"{name}: base spread {base} or range {lo} … {hi} is out of bounds")
    rows, columns = reader.side(), reader.side()
    return Header(shape, offset, lo, hi, base, rows, columns), reader.rest()


def first_state(rows: int, columns: int) -> int:
    """The encoder's first state: 2^32 + (65536·rows + columns) mod 2^32."""
    return (1 << 32) | ((rows << 16) + columns) & 0xFFFFFFFF


def words_of(data: memoryview, name: str) -> Array:
    """The words as uint32, at least the two of the first state."""
    if len(data) % 4 or len(data) < 8:
        raise DecodingError("rans-words", f"{name}: {len(data)} bytes are no whole number of words, or too few")
    return np.frombuffer(data, "<u4").astype(np.uint32)


class _Reader:
    def __init__(self, data: memoryview, name: str) -> None:
        self._data, self._name, self._at = data, name, 0

    def byte(self, most: int) -> int:
        if self._at >= len(self._data):
            raise DecodingError("rans-header", f"{self._name}: the stream ends inside its header")
        value = self._data[self._at]
        self._at += 1
        if value > most:
            raise DecodingError(
                "rans-header", f"{self._name}: header byte {self._at - 1} is {value}, at most {most} is known"
            )
        return value

    def varint(self) -> int:
        value = 0
        for place in range(_VARINT_BYTES):
            piece = self.byte(255)
            value |= (piece & 127) << (7 * place)
            if piece < 128:
                return value
        raise DecodingError("rans-header", f"{self._name}: a number in the header is longer than {_VARINT_BYTES} bytes")

    def side(self) -> Side:
        value = self.byte(2 * SIDE_BUCKETS)
        return Side(True, (value - 1) >> 1, bool((value - 1) & 1)) if value else Side(False)

    def rest(self) -> memoryview:
        return self._data[self._at :]


def _side_byte(side: Side) -> int:
    return 1 + 2 * side.bucket + side.delta if side.present else 0


def _varint(value: int) -> bytes:
    result = bytearray()
    while value >= 128:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes(result) + bytes([value])


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return -((value + 1) >> 1) if value & 1 else value >> 1
