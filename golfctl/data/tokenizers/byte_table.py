"""Bytes per token, derived from the tokenizer itself: what the community bills, and what a token really decodes to.

V: vocabulary. The billing rule is that of the contest's scoring code (`base_bytes`, `leading_space`, `boundary`):

    billed(prev, target) = base_bytes[target] + (leading_space[target] and not boundary[prev])

A leading space is billed beside the piece, never inside it; byte pieces are one byte; special pieces are nothing.
One point is ours: a space *inside* a piece is one byte (the contest's code would bill the three bytes of U+2581;
no tokenizer that it scores has such a piece).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from golfctl.data.tokenizers.tokenizer import SPACE, Piece, Tokenizer

Ids = NDArray[np.integer]


@dataclass(frozen=True)
class ByteTable:
    """Per-token byte counts of one vocabulary."""

    base_bytes_V: NDArray[np.int16]
    leading_space_V: NDArray[np.bool_]
    boundary_V: NDArray[np.bool_]
    first_space_dropped_V: NDArray[np.bool_]  # after these, decoding drops a leading space

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self:
        """The table of a tokenizer, from its pieces alone."""
        pieces = tokenizer.pieces()
        control = np.array([piece.kind == "control" for piece in pieces], np.bool_)
        return cls(
            np.array([_base_bytes(piece) for piece in pieces], np.int16),
            np.array([_leads(piece) for piece in pieces], np.bool_),
            np.array([piece.kind in ("unknown", "control", "unused") for piece in pieces], np.bool_),
            control & tokenizer.drops_first_space,
        )

    @classmethod
    def from_arrays(cls, base_bytes: Ids, leading_space: Ids, boundary: Ids) -> Self:
        """A table from the three arrays of length V that the community's programs use."""
        boundary_V = np.asarray(boundary, bool)
        return cls(np.asarray(base_bytes, np.int16), np.asarray(leading_space, bool), boundary_V, boundary_V)

    @property
    def vocab_size(self) -> int:
        """Number of ids the table covers."""
        return len(self.base_bytes_V)

    def billed(self, previous: Ids, target: Ids) -> NDArray[np.int64]:
        """Bytes the community's formula charges for each target after its previous token (same shape).

        Raises:
            IndexError: an id outside the vocabulary.
        """
        spaces = self.leading_space_V[target] & ~self.boundary_V[previous]
        return self.base_bytes_V[target].astype(np.int64) + spaces

    def decoded(self, previous: Ids, target: Ids) -> NDArray[np.int64]:
        """UTF-8 bytes each target adds to the decoded text; sums exactly to the decoded document.

        It differs from `billed` in a space after a special piece: real unless the tokenizer itself drops it.
        """
        spaces = self.leading_space_V[target] & ~self.first_space_dropped_V[previous]
        return self.base_bytes_V[target].astype(np.int64) + spaces

    def billed_total(self, tokens_N: Ids) -> int:
        """Bytes billed over a stream, the first token being context only."""
        return int(self.billed(tokens_N[:-1], tokens_N[1:]).sum()) if len(tokens_N) > 1 else 0


def _leads(piece: Piece) -> bool:
    return piece.kind == "normal" and piece.text.startswith(SPACE)


def _base_bytes(piece: Piece) -> int:
    if piece.kind == "byte":
        return 1
    if piece.kind != "normal":
        return 0
    return len(piece.text.removeprefix(SPACE).replace(SPACE, " ").encode("utf-8"))
