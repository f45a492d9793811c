"""Further profiles for the plain reader: what docs/format/v1.md names beyond the core, a few lines each."""

import brotli
import zstandard

from tests.oracles import golf_grid, golf_rans, golf_rans_lp, golf_ternary
from tests.oracles.golf_reader import Refused, need, with_layout


def _zstd(stream, size):
    try:
        frame = zstandard.get_frame_parameters(stream)
        need(frame.content_size == size and not frame.dict_id and frame.window_size <= max(1024, size), "payload")
        decoder = zstandard.ZstdDecompressor().decompressobj()
        raw = decoder.decompress(stream)
    except zstandard.ZstdError as error:
        raise Refused("payload") from error
    need(decoder.eof and not decoder.unused_data, "payload")
    return raw


def _brotli(stream, size):
    try:
        return brotli.decompress(stream)
    except brotli.error as error:
        raise Refused("payload") from error


FURTHER_CODERS = {
    "zstd/1": with_layout(_zstd),
    "brotli/1": with_layout(_brotli),
    "rans/1": golf_rans.decode,
    "rans-lp/1": golf_rans_lp.decode,
}
FURTHER_SCHEMES = {"grid/1": golf_grid.weights, "ternary-group/1": golf_ternary.weights}
