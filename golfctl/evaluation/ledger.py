"""The ledgers: what was scored, once, in order. R rows; row i scores the token at position i + 1."""

from typing import Any

import numpy as np


class Ledger:
    """Append-only: every row exactly once, in increasing order, none missing, or an error."""

    can_be_honest = True
    reasons: tuple[str, ...] = ()

    def __init__(self, rows: int) -> None:
        """Room for `rows` scores."""
        self.rows = rows
        self.booked = 0
        self.nats = 0.0
        self._nll_R = np.zeros(rows, np.float64)

    def append(self, first: int, nll_R: np.ndarray) -> None:
        """Book the nats of rows `first, first + 1, …`.

        Raises:
            ValueError: a row was booked before, was left out, or lies beyond the stream; or a score is not finite.
        """
        if first != self.booked:
            word = "again" if first < self.booked else "too early"
            raise ValueError(f"row {first} booked {word}: the next row is {self.booked}")
        stop = first + len(nll_R)
        if stop > self.rows:
            raise ValueError(f"row {stop - 1} booked, but the stream ends at row {self.rows - 1}")
        if not np.isfinite(nll_R).all():
            raise ValueError(f"rows {first}…{stop - 1}: a score is not finite")
        self._nll_R[first:stop] = nll_R
        self.booked = stop
        self.nats += float(nll_R.sum())

    def book(self, row_R: np.ndarray, nll_R: np.ndarray) -> None:
        """Book the nats of rows by their numbers, which go on where the ledger ends; raises what `append` does."""
        if (np.diff(row_R) != 1).any():
            raise ValueError(f"rows {row_R.tolist()} do not follow each other")
        self.append(int(row_R[0]), nll_R)

    def has(self, row: int) -> bool:
        """Whether this row is booked."""
        return row < self.booked

    @property
    def nll_R(self) -> np.ndarray:
        """Nats of every booked row, read-only."""
        view = self._nll_R[: self.booked]
        view.flags.writeable = False
        return view

    @property
    def position_R(self) -> np.ndarray:
        """Stream position of each booked target."""
        return np.arange(1, self.booked + 1)

    def close(self) -> None:
        """Check that nothing is missing.

        Raises:
            ValueError: rows were never booked.
        """
        if self.booked != self.rows:
            raise ValueError(f"{self.rows - self.booked} of {self.rows} rows were never scored")

    def single_pass(self) -> dict[str, Any]:
        """The verdict this ledger can give by itself."""
        return {
            "verdict": self.booked == self.rows,
            "how": f"ledger: {self.booked} of {self.rows} targets booked, each once, in increasing order",
        }


class LaneLedger(Ledger):
    """For rows that are booked lane by lane: in any order, every row exactly once, none missing, or an error."""

    def __init__(self, rows: int) -> None:
        """Room for `rows` scores."""
        super().__init__(rows)
        self._has_R = np.zeros(rows, bool)

    def book(self, row_K: np.ndarray, nll_K: np.ndarray) -> None:
        """Book the nats of the given rows.

        Raises:
            ValueError: a row was booked before or lies beyond the stream; or a score is not finite.
        """
        if len(row_K) and not 0 <= row_K.min() <= row_K.max() < self.rows:
            raise ValueError(f"rows {row_K.tolist()} booked, but the stream has rows 0 … {self.rows - 1}")
        again_K = self._has_R[row_K]
        if again_K.any() or len(np.unique(row_K)) < len(row_K):
            raise ValueError(f"rows {row_K.tolist()} booked: one of them is booked again")
        if not np.isfinite(nll_K).all():
            raise ValueError(f"rows {row_K.tolist()}: a score is not finite")
        self._nll_R[row_K] = nll_K
        self._has_R[row_K] = True
        self.booked += len(row_K)
        self.nats += float(nll_K.sum())

    def append(self, first: int, nll_R: np.ndarray) -> None:
        """Book the nats of rows `first, first + 1, …`."""
        self.book(np.arange(first, first + len(nll_R)), nll_R)

    def has(self, row: int) -> bool:
        """Whether this row is booked."""
        return bool(self._has_R[row])

    @property
    def nll_R(self) -> np.ndarray:
        """Nats of every booked row in the order of the stream, a copy."""
        return self._nll_R[self._has_R]

    @property
    def position_R(self) -> np.ndarray:
        """Stream position of each booked target."""
        return np.flatnonzero(self._has_R) + 1

    def single_pass(self) -> dict[str, Any]:
        """The verdict this ledger can give by itself."""
        how = f"ledger: {self.booked} of {self.rows} targets booked, each once, in the order in which lanes read them"
        return {"verdict": self.booked == self.rows, "how": how}


class ReplayLedger:
    """What leaking forms are booked in: rows in any order, as often as they like. It can never be honest."""

    can_be_honest = False

    def __init__(self, rows: int, reasons: tuple[str, ...]) -> None:
        """`reasons` say, for the report, why the figure is no valid score.

        Raises:
            ValueError: no reason given.
        """
        if not reasons:
            raise ValueError("a replay ledger needs its reasons")
        self.rows = rows
        self.reasons = reasons
        self._position: list[np.ndarray] = []
        self._nll: list[np.ndarray] = []

    def append(self, row_R: np.ndarray, nll_R: np.ndarray) -> None:
        """Book the nats of the given rows."""
        if not np.isfinite(nll_R).all():
            raise ValueError("a score is not finite")
        self._position.append(np.asarray(row_R) + 1)
        self._nll.append(np.asarray(nll_R, np.float64))

    @property
    def nll_R(self) -> np.ndarray:
        """Nats in booking order."""
        return np.concatenate(self._nll)

    @property
    def position_R(self) -> np.ndarray:
        """Stream position of each booked target, in booking order."""
        return np.concatenate(self._position)

    def close(self) -> None:
        """Check that every row was booked at least once.

        Raises:
            ValueError: rows were never booked.
        """
        missing = self.rows - len(np.unique(self.position_R))
        if missing:
            raise ValueError(f"{missing} of {self.rows} rows were never scored")

    def single_pass(self) -> dict[str, Any]:
        """The verdict this ledger can give by itself."""
        booked = len(self.position_R)
        once = booked == self.rows and bool((np.diff(self.position_R) > 0).all())
        return {"verdict": once, "how": f"replay ledger: {booked} scores for {self.rows} targets"}
