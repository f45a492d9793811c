"""Rows and their targets to bytes and back: one range coder for all lanes, in lane order within a step.

A row's integer frequencies are floor(exp(log p) · 2^28) + 1, with the portable exponential in float64, so whoever has
the same rows has the same integers. Every symbol can be coded; the 1 costs about 5e-9 bits a token at V = 1,024.
Source: range coding, G. N. N. Martin, 1979; the form with 64-bit intervals and carries is written down in
docs/format/text-v1.md.

Shapes: K rows of a step, V vocabulary, B bytes.
"""

import numpy as np
from torch import Tensor

from golfctl.arithmetic import exp
from golfctl.codec.rows.row_loops import (
    DECODED,
    END_BYTES,
    FIRST_SIZE,
    NO_DISTRIBUTION,
    READ_AHEAD,
    put_end,
    put_rows,
    take_rows,
)
from golfctl.codec.text_format.text_rules import fail
from golfctl.errors import NumericsError

_ROOM = 1 << 16
_MOST_BYTES_A_ROW = 8


class RowEncoder:
    """Collects the bytes of all steps."""

    def __init__(self) -> None:
        self._state = np.array([0, FIRST_SIZE, 0], np.uint64)  # low, size, bytes written
        self._bytes_B = np.zeros(_ROOM, np.uint8)

    def encode(self, rows_KV: Tensor, targets_K: np.ndarray) -> None:
        """Code one step's targets.

        Raises:
            NumericsError: a row that is no distribution.
        """
        self._make_room(len(targets_K) * _MOST_BYTES_A_ROW + END_BYTES)
        coded = put_rows(self._state, self._bytes_B, masses(rows_KV), targets_K.astype(np.int64))
        if coded < len(targets_K):
            raise NumericsError(_no_distribution(coded))

    def finish(self) -> bytes:
        """All bytes; nothing can be coded after it."""
        put_end(self._state, self._bytes_B)
        return self._bytes_B[: self.bytes].tobytes()

    @property
    def bytes(self) -> int:
        """Bytes written so far; up to 8 more are under way."""
        return int(self._state[2])

    def _make_room(self, more: int) -> None:
        if self.bytes + more > len(self._bytes_B):
            self._bytes_B = np.concatenate([self._bytes_B, np.zeros(max(more, len(self._bytes_B)), np.uint8)])


class RowDecoder:
    """Gives the targets back, a step at a time, from the same rows."""

    def __init__(self, payload: bytes | memoryview) -> None:
        self._bytes_B = np.frombuffer(payload, np.uint8)
        first = bytes(payload[: READ_AHEAD + 1]).ljust(READ_AHEAD + 1, b"\0")
        self._state = np.array(
            [int.from_bytes(first, "big"), FIRST_SIZE, READ_AHEAD + 1], np.uint64
        )  # ahead, size, read

    def decode(self, rows_KV: Tensor) -> np.ndarray:
        """The targets [K] of one step.

        Raises:
            NumericsError: a row that is no distribution. TextRuleError: the bytes end too soon, or tell no symbol.
        """
        targets_K = np.zeros(len(rows_KV), np.int64)
        decoded, how = take_rows(self._state, self._bytes_B, masses(rows_KV), targets_K)
        if how == NO_DISTRIBUTION:
            raise NumericsError(_no_distribution(decoded))
        if how != DECODED:
            fail("payload", "a symbol for every row", "bytes that tell none")
        return targets_K

    def finish(self) -> None:
        """Check that every byte was needed; raises TextRuleError."""
        unread = len(self._bytes_B) + READ_AHEAD - int(self._state[2])
        if unread != 0:
            fail("payload", "the end of the coded rows", f"{unread:,} more bytes")


def masses(rows_KV: Tensor) -> np.ndarray:
    """Probabilities [K, V], float64, of natural-log rows: the same bits on every machine."""
    masses_KV: np.ndarray = exp(rows_KV.double()).numpy()
    return masses_KV


def _no_distribution(lane: int) -> str:
    return f"row {lane} of a step is no distribution: NaN, infinite, or of a mass above 1; is the model damaged?"
