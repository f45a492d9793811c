"""The coders: one row each. A row is never removed or given a new meaning; a new byte layout is a new version."""

from collections.abc import Callable

from golfctl.coding.base import Coder
from golfctl.core.table import Table
from golfctl.errors import ArtifactError, GolfError, UsageError

CODERS = Table(
    "coder",
    {
        "raw/1": "golfctl.coding.bytewise.raw_coder:RawCoder",
        "zlib/1": "golfctl.coding.bytewise.zlib_coder:ZlibCoder",
        "lzma/1": "golfctl.coding.bytewise.lzma_coder:LzmaCoder",
        "zstd/1": "golfctl.coding.bytewise.zstd_coder:ZstdCoder",
        "brotli/1": "golfctl.coding.bytewise.brotli_coder:BrotliCoder",
        "rans/1": "golfctl.coding.rans.coder:RansCoder",
        "rans-lp/1": "golfctl.coding.rans.lp_coder:RansLpCoder",
    },
)


def coder(coder_id: str, error: Callable[[str], GolfError] = UsageError) -> Coder:
    """The coder of that id; `error` with the nearest known id when there is none."""
    found: Coder = CODERS.find(coder_id, error)()
    return found


def reader_needs(coder_id: str) -> str:
    """What a reader of this coder's streams must have, as one phrase."""
    return coder(coder_id, ArtifactError).needs
