"""What a scorer hands over: one row (order, position, NLL) for every score it booked.

Legend: N tokens of the text, R rows of the ledger.
"""

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from golfctl.core.files import read_bytes
from golfctl.errors import InputError

_LIMIT_BYTES = 1 << 26
_LARGEST = 1 << 62
_SHOWN = 80  # characters of what is wrong with a line


class PostedScores(NamedTuple):
    """Rows in booking order; `position_R` is the index of the target token in the text (1 … N−1), NLL in nats."""

    position_R: np.ndarray
    nll_R: np.ndarray

    @classmethod
    def of(cls, position: np.ndarray, nll: np.ndarray) -> Self:
        """Build from two equally long sequences in booking order; raises ValueError when they differ in length."""
        position_R, nll_R = np.asarray(position, np.int64), np.asarray(nll, np.float64)
        if position_R.shape != nll_R.shape or position_R.ndim != 1:
            raise ValueError(f"{position_R.shape} positions for {nll_R.shape} scores")
        return cls(position_R, nll_R)

    def claimed(self, length: int) -> np.ndarray:
        """The score that stands for each token, [N]: the last one booked; NaN where there is none."""
        nll_N = np.full(length, np.nan)
        inside = (self.position_R >= 0) & (self.position_R < length)
        nll_N[self.position_R[inside]] = self.nll_R[inside]
        return nll_N

    def first(self, length: int) -> np.ndarray:
        """The score booked first for each token, [N]; NaN where there is none."""
        return PostedScores(self.position_R[::-1], self.nll_R[::-1]).claimed(length)

    def until(self, cut: int) -> Self:
        """The rows whose target lies at or before position `cut`, in booking order."""
        kept = self.position_R <= cut
        return type(self)(self.position_R[kept], self.nll_R[kept])


def read_ledger(path: Path) -> PostedScores:
    """Read a text ledger: one row a line, `order position nll`, white space between; `#` starts a comment.

    Rows may stand in any sequence of lines; `order` says when each was booked.

    Raises:
        InputError: no such file, a line that is not three numbers, or an order given twice.
    """
    rows = [line.split() for line in read_bytes(path, _LIMIT_BYTES).decode("utf-8", "replace").splitlines()]
    rows = [row for row in rows if row and not row[0].startswith("#")]
    try:
        table = [(int(order), int(position), float(nll)) for order, position, nll in rows]
    except ValueError as error:
        raise InputError(f"{path}: every line of a ledger is `order position nll`: {str(error)[:_SHOWN]}") from error
    if any(not -_LARGEST < row[1] < _LARGEST for row in table):
        raise InputError(f"{path}: a position is no index of a token in any text")
    table.sort(key=lambda row: row[0])
    if len({row[0] for row in table}) != len(table):
        raise InputError(f"{path}: an order number stands twice; number the rows 0, 1, 2 … as they were booked")
    return PostedScores.of(np.array([r[1] for r in table], np.int64), np.array([r[2] for r in table], np.float64))


def ledger_text(ledger: PostedScores) -> bytes:
    """The text form that `read_ledger` reads, floats exact to the last bit."""
    lines = ["# order position nll"]
    lines += [f"{i} {p} {float(n)!r}" for i, (p, n) in enumerate(zip(ledger.position_R, ledger.nll_R, strict=True))]
    return ("\n".join(lines) + "\n").encode("ascii")
