"""`zlib/1`: a layout byte, then a raw deflate stream (RFC 1951, no zlib header)."""

import zlib
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from golfctl.coding.base import Array, Coder, Sink, size_bytes
from golfctl.coding.bytewise.layout import Layout, arrange, header, restore, split_header
from golfctl.core.config import Config
from golfctl.core.decoding_rules import DecodingError

_STRATEGIES = {"default": zlib.Z_DEFAULT_STRATEGY, "filtered": zlib.Z_FILTERED, "huffman": zlib.Z_HUFFMAN_ONLY}
_RAW_DEFLATE = -15


class ZlibOptions(Config):
    """Deflate level and strategy (`huffman` = no matches, order-0 prefix code) and byte layout."""

    level: Annotated[int, Field(ge=1, le=9)] = 9
    strategy: Literal["default", "filtered", "huffman"] = "default"
    layout: Layout = "plain"


class ZlibCoder(Coder):
    """Deflate."""

    id = "zlib/1"
    needs = "a deflate decoder (Python: zlib, standard library)"
    Options = ZlibOptions
    level = "level"

    def encode(self, array: Array, options: ZlibOptions) -> bytes:
        """Compress."""
        press = zlib.compressobj(options.level, zlib.DEFLATED, _RAW_DEFLATE, 9, _STRATEGIES[options.strategy])
        return header(options.layout) + press.compress(arrange(array, options.layout)) + press.flush()

    def decode(self, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """Decompress piece by piece, to exactly the expected size."""
        flags, rest = split_header(self.id, data)
        sink = Sink(self.id, size_bytes(dtype, shape))
        stream, waiting = zlib.decompressobj(_RAW_DEFLATE), bytes(rest)
        try:
            while not stream.eof:
                piece = stream.decompress(waiting, sink.room)
                waiting = stream.unconsumed_tail
                sink.put(piece)
                if not piece and not waiting:
                    break
        except zlib.error as error:
            raise DecodingError("payload", f"{self.id}: damaged stream: {error}") from error
        return restore(sink.whole(stream.eof, len(stream.unused_data)), flags, dtype, shape)
