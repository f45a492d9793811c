"""Checks along a text: two bytes every 4,096 rows, so that a decoder that goes astray is found soon, and where.

A check is the first two bytes of the SHA-256 of all tokens so far, in the order in which they were booked, each as a
little-endian 32-bit number. It is taken at the end of the step in which a multiple of 4,096 rows was reached.
"""

import hashlib

import numpy as np

from golfctl.codec.text_format.text_rules import fail

CHECK_ROWS = 4096
CHECK_BYTES = 2


def check_count(rows: int) -> int:
    """Checks of a text of so many rows."""
    return rows // CHECK_ROWS


class Checks:
    """Taken while encoding; compared, where `expected` is given, while decoding."""

    def __init__(self, expected: bytes | memoryview | None = None) -> None:
        self.taken = b""
        self._digest, self._rows = hashlib.sha256(), 0
        self._expected = None if expected is None else bytes(expected)

    def add(self, targets_K: np.ndarray) -> None:
        """The targets of one more step.

        Raises:
            TextRuleError: the tokens are not those that were encoded; it says between which rows they left.
        """
        self._digest.update(targets_K.astype("<u4").tobytes())
        due = check_count(self._rows + len(targets_K)) - check_count(self._rows)
        self._rows += len(targets_K)
        for _ in range(due):
            self._take()

    def _take(self) -> None:
        found = self._digest.digest()[:CHECK_BYTES]
        at = len(self.taken)
        self.taken += found
        if self._expected is not None and self._expected[at : at + CHECK_BYTES] != found:
            since = at // CHECK_BYTES * CHECK_ROWS
            fail("check", f"{self._expected[at : at + CHECK_BYTES].hex()} at row {self._rows:,}",
                 f"{found.hex()}: the tokens differ after row {since:,}")  # fmt: skip
