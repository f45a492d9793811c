"""Any bytes as tokens and patches, and back: what the tokenizer loses is found by decoding what it made.

Lost are: bytes that are no UTF-8, which it never sees; characters that it has no piece for; what its normaliser changes
or drops. N tokens.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from golfctl.codec.text_format.patches import Patch, find_patches
from golfctl.data.carried import account
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.errors import DataError


class Cut(NamedTuple):
    """The token that is given, the targets, and what has to be mended in their bytes."""

    given: int
    targets_N: np.ndarray
    patches: list[Patch]


def cut(tokenizer: Tokenizer, text: bytes) -> Cut:
    """The tokens of any bytes."""
    given = given_token(tokenizer)
    valid, origin = _valid_part(text)
    ids = tokenizer.encode(valid.decode("utf-8"))
    parts = parts_of(tokenizer, [given, *ids])
    if b"".join(parts) == text:
        return Cut(given, np.array(ids, np.int64), [])
    return Cut(given, np.array(ids, np.int64), find_patches(parts, [0, *_spans(tokenizer, ids, valid, origin)], text))


def given_token(tokenizer: Tokenizer) -> int:
    """What a text without a document before it begins with: BOS, or another piece that stands for no bytes."""
    if tokenizer.bos is not None:
        return tokenizer.bos
    silent = [i for i, piece in enumerate(tokenizer.pieces()) if piece.kind in ("control", "unknown")]
    return silent[0] if silent else 0


def parts_of(tokenizer: Tokenizer, ids: Sequence[int]) -> list[bytes]:
    """The bytes of each token of a stream; every BOS begins a document, which is decoded by itself.

    Raises:
        DataError: an id outside the vocabulary.
    """
    starts = [0, *(i for i, token in enumerate(ids) if token == tokenizer.bos and i), len(ids)]
    parts: list[bytes] = []
    for start, stop in pairwise(starts):
        parts += tokenizer.decode_each(ids[start:stop])
    return parts


def _valid_part(text: bytes) -> tuple[bytes, np.ndarray]:
    """The UTF-8 in `text`, and for each of its bytes and its end the place in `text`; the first and last cover all."""
    try:
        text.decode("utf-8")
        return text, np.arange(len(text) + 1)
    except UnicodeDecodeError:
        codes = np.frombuffer(text.decode("utf-8", "surrogateescape").encode("utf-32-le", "surrogatepass"), "<u4")
    invalid = (codes >= 0xDC80) & (codes <= 0xDCFF)
    sizes = np.where(invalid, 1, 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000))
    keep = np.repeat(~invalid, sizes)
    valid = np.frombuffer(text, np.uint8)[keep].tobytes()
    return valid, np.append(np.flatnonzero(keep), len(text))


def _spans(tokenizer: Tokenizer, ids: Sequence[int], valid: bytes, origin: np.ndarray) -> list[int]:
    """Bytes of the text that each token stands for; whatever is not known goes to the end."""
    if not ids:
        return []
    try:
        sizes_N = account(tokenizer, ids, valid).raw_N
    except DataError:  # its normaliser does not say where characters came from
        sizes_N = np.array([len(part) for part in tokenizer.decode_each(ids)], np.int64)
    ends_N = origin[np.minimum(np.cumsum(sizes_N), len(valid))]
    return [int(size) for size in np.diff(ends_N, prepend=0)]
