"""Layer 2: lossless coding of arrays and bytes. Never imports torch.

`encode`/`decode` by id, `parse_coder` for what people write, `candidates` for what `auto` tries.
"""

from golfctl.coding.choice import CoderChoice, Encoded, candidates, parse_coder
from golfctl.coding.codec import accepts, decode, decode_bytes, encode, encode_bytes
from golfctl.coding.rans.rate import estimate_bits, gaussian_bits
from golfctl.coding.table import CODERS, reader_needs

__all__ = [
    "CODERS",
    "CoderChoice",
    "Encoded",
    "accepts",
    "candidates",
    "decode",
    "decode_bytes",
    "encode",
    "encode_bytes",
    "estimate_bits",
    "gaussian_bits",
    "parse_coder",
    "reader_needs",
]
