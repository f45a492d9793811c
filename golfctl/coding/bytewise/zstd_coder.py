"""`zstd/1`: a layout byte, then one Zstandard frame (RFC 8878) with its content size and without a checksum.

What is guaranteed: every version of the library decodes the frame to the same bytes. The frame itself may differ
between library versions, which is why provenance records them.
"""

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from golfctl.coding.base import Array, Coder, Sink, size_bytes
from golfctl.coding.bytewise.layout import Layout, arrange, header, restore, split_header
from golfctl.core.config import Config
from golfctl.core.decoding_rules import DecodingError

_MAX_WINDOW = 1 << 30


class ZstdOptions(Config):
    """Level 1–22 and byte layout."""

    level: Annotated[int, Field(ge=1, le=22)] = 22
    layout: Layout = "plain"


class ZstdCoder(Coder):
    """Zstandard."""

    id = "zstd/1"
    needs = "a Zstandard decoder (Python: zstandard, or compression.zstd from 3.14)"
    Options = ZstdOptions
    level = "level"

    def encode(self, array: Array, options: ZstdOptions) -> bytes:
        """Compress on one thread."""
        import zstandard

        press = zstandard.ZstdCompressor(level=options.level, write_content_size=True, write_checksum=False, threads=0)
        return header(options.layout) + press.compress(arrange(array, options.layout))

    def decode(self, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """Check the frame's claims, then decompress to exactly the expected size."""
        import zstandard

        flags, rest = split_header(self.id, data)
        size = size_bytes(dtype, shape)
        sink = Sink(self.id, size)
        try:
            frame = zstandard.get_frame_parameters(rest)
            if frame.content_size != size or frame.dict_id or frame.window_size > max(size, 1024):
                raise DecodingError(
                    "payload", f"{self.id}: the frame does not announce the {size:,} bytes it should hold"
                )
            stream = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
            for start in range(0, len(rest), 1 << 14):
                sink.put(stream.decompress(rest[start : start + (1 << 14)]))
        except (zstandard.ZstdError, MemoryError) as error:
            raise DecodingError("payload", f"{self.id}: damaged stream: {error}") from error
        return restore(sink.whole(stream.eof, len(stream.unused_data)), flags, dtype, shape)
