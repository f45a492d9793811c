"""Bytes per token, derived from the tokenizer itself: what the community bills, and what a token really decodes to.

V: vocabulary. The billing rule is that of the contest's scoring code (`base_bytes`, `leading_space`, `boundary`):

    billed(prev, target) = base_bytes[target] + (leading_space[target] and not boundary[prev])

A leading space is billed beside the piece, never inside it; byte pieces are one byte; special pieces are nothing.
Two points are ours, and touch no tokenizer that the contest scores: a space *inside* a piece is one byte, and so is a
space that a tokenizer without a piece for it spells as the three bytes of U+2581 (`Tokenizer.space_ids`).
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
    space_ids: tuple[int, int, int] | None = None  # byte pieces that spell a space

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
            tokenizer.space_ids,
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

    def billed_each(self, tokens_N: Ids) -> NDArray[np.int64]:
        """Bytes billed for each token of a stream [N], the first being context only."""
        bytes_N = np.zeros(len(tokens_N), np.int64)
        if len(tokens_N) > 1:
            bytes_N[1:] = self.billed(tokens_N[:-1], tokens_N[1:])
        return bytes_N - self._spelt_beyond(tokens_N)

    def decoded_each(self, tokens_N: Ids) -> NDArray[np.int64]:
        """Bytes that each token of a stream decodes to [N]; nothing stands before the first one."""
        first = self.base_bytes_V[tokens_N[:1]] + (self.leading_space_V[tokens_N[:1]] & ~self._drops_first_space)
        return np.concatenate([first, self.decoded(tokens_N[:-1], tokens_N[1:])]) - self._spelt_beyond(tokens_N)

    def billed_total(self, tokens_N: Ids) -> int:
        """Bytes billed over a stream, the first token being context only."""
        return int(self.billed_each(tokens_N).sum())

    @property
    def _drops_first_space(self) -> bool:
        return bool(self.first_space_dropped_V.any())

    def _spelt_beyond(self, tokens_N: Ids) -> NDArray[np.int64]:
        """What the byte pieces of a spelt space count beyond its one byte; all of it where decoding drops the space."""
        beyond_N = np.zeros(len(tokens_N), np.int64)
        if self.space_ids is not None and len(tokens_N) > 2:
            first, second, third = self.space_ids
            at = np.flatnonzero((tokens_N[:-2] == first) & (tokens_N[1:-1] == second) & (tokens_N[2:] == third))
            begins = (at == 0) | self.first_space_dropped_V[tokens_N[at - 1]]
            beyond_N[at] = begins & self._drops_first_space
            beyond_N[at + 1] = beyond_N[at + 2] = 1
        return beyond_N


def _leads(piece: Piece) -> bool:
    return piece.kind == "normal" and piece.text.startswith(SPACE)


def _base_bytes(piece: Piece) -> int:
    if piece.kind == "byte":
        return 1
    if piece.kind != "normal":
        return 0
    return len(piece.text.removeprefix(SPACE).replace(SPACE, " ").encode("utf-8"))
