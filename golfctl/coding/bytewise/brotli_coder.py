"""`brotli/1`: a layout byte, then one Brotli stream (RFC 7932). Needs the `brotli` extra, to write and to read."""

from types import ModuleType
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from golfctl.coding.base import Array, Coder, Sink, size_bytes
from golfctl.coding.bytewise.layout import Layout, arrange, header, restore, split_header
from golfctl.core.config import Config
from golfctl.core.decoding_rules import DecodingError
from golfctl.core.machine.libraries import need


class BrotliOptions(Config):
    """Quality 0–11, log2 of the window, byte layout."""

    quality: Annotated[int, Field(ge=0, le=11)] = 11
    lgwin: Annotated[int, Field(ge=10, le=24)] = 24
    layout: Layout = "plain"


class BrotliCoder(Coder):
    """Brotli."""

    id = "brotli/1"
    needs = "a Brotli decoder (Python: brotli 1.2 or newer, the extra golfctl[brotli])"
    Options = BrotliOptions
    level = "quality"

    def encode(self, array: Array, options: BrotliOptions) -> bytes:
        """Compress in generic mode."""
        raw = arrange(array, options.layout)
        press = _library().compress(raw, quality=options.quality, lgwin=options.lgwin)
        return header(options.layout) + bytes(press)

    def decode(self, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """Decompress piece by piece, to exactly the expected size."""
        library = _library()
        flags, rest = split_header(self.id, data)
        sink = Sink(self.id, size_bytes(dtype, shape))
        stream, waiting = library.Decompressor(), bytes(rest)
        try:
            while not stream.is_finished():
                piece = stream.process(waiting, output_buffer_limit=sink.room)
                waiting = b""
                sink.put(piece)
                if not piece:
                    break
        except (library.error, MemoryError) as error:
            raise DecodingError("payload", f"{self.id}: damaged stream: {error}") from error
        return restore(sink.whole(stream.is_finished()), flags, dtype, shape)


def _library() -> ModuleType:
    need("coder brotli/1", "brotli")
    import brotli

    library: ModuleType = brotli
    return library
