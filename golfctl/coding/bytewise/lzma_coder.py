"""`lzma/1`: a layout byte, then a raw LZMA2 stream.

LZMA2 chunks carry lc/lp/pb themselves, so a reader needs only a dictionary size, and the size of the decoded
array (at least 4,096 bytes) always suffices. The .xz container would add 60 bytes a section and a second checksum.
"""

import lzma
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from golfctl.coding.base import Array, Coder, Sink, size_bytes
from golfctl.coding.bytewise.layout import Layout, arrange, header, restore, split_header
from golfctl.core.config import Config
from golfctl.core.decoding_rules import DecodingError

_MIN_DICTIONARY, _MAX_DICTIONARY = 4096, 1 << 30


class LzmaOptions(Config):
    """xz preset 0–9 (`extreme` searches longer), literal context/position bits and position bits, byte layout."""

    preset: Annotated[int, Field(ge=0, le=9)] = 9
    extreme: bool = False
    lc: Annotated[int, Field(ge=0, le=4)] = 3
    lp: Annotated[int, Field(ge=0, le=4)] = 0
    pb: Annotated[int, Field(ge=0, le=4)] = 2
    mode: Literal["preset", "normal"] = "preset"
    layout: Layout = "plain"

    @model_validator(mode="after")
    def _literal_bits(self) -> Self:
        if self.lc + self.lp > 4:
            raise ValueError(f"lc + lp is {self.lc + self.lp}; LZMA2 allows at most 4")
        return self


class LzmaCoder(Coder):
    """LZMA2 without a container."""

    id = "lzma/1"
    needs = "a raw LZMA2 decoder (Python: lzma, standard library)"
    Options = LzmaOptions
    level = "preset"

    def encode(self, array: Array, options: LzmaOptions) -> bytes:
        """Compress; the dictionary is never larger than the data."""
        raw = arrange(array, options.layout)
        filters: dict[str, Any] = {
            "id": lzma.FILTER_LZMA2,
            "preset": options.preset | (lzma.PRESET_EXTREME if options.extreme else 0),
            "dict_size": _dictionary(len(raw)),
            "lc": options.lc,
            "lp": options.lp,
            "pb": options.pb,
        }
        if options.mode == "normal":
            filters["mode"] = lzma.MODE_NORMAL
        return header(options.layout) + lzma.compress(raw, lzma.FORMAT_RAW, filters=[filters])

    def decode(self, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """Decompress piece by piece, to exactly the expected size."""
        flags, rest = split_header(self.id, data)
        size = size_bytes(dtype, shape)
        sink = Sink(self.id, size)
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": _dictionary(size)}]
        waiting = bytes(rest)
        try:
            stream = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
            while not stream.eof:
                piece = stream.decompress(waiting, sink.room)
                waiting = b""
                sink.put(piece)
                if not piece:
                    break
        except (lzma.LZMAError, MemoryError) as error:
            raise DecodingError("payload", f"{self.id}: damaged stream: {error}") from error
        return restore(sink.whole(stream.eof, len(stream.unused_data)), flags, dtype, shape)


def _dictionary(size: int) -> int:
    return min(max(size, _MIN_DICTIONARY), _MAX_DICTIONARY)
