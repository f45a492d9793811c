"""One scorer under several others: asked once per question, shown targets once. R rows, V vocabulary."""

import numpy as np
from torch import Tensor

from golfctl.scoring.protocol import Ask, Scorer

_KEPT = 2  # predictions kept: the question at hand and a probe's variant of it


class Shared:
    """Hands one scorer's answers to everyone who builds on it."""

    def __init__(self, inner: Scorer) -> None:
        self.inner = inner
        self.vocab_size = inner.vocab_size
        self.barrier_rows = inner.barrier_rows
        self._rows: dict[tuple[int, bytes], Tensor] = {}
        self._observed = -1

    def reset(self, prefix_N: np.ndarray) -> None:
        """Reset the scorer and drop what was kept."""
        self.inner.reset(prefix_N)
        self._rows, self._observed = {}, -1

    def predict(self, ask: Ask, /) -> Tensor:
        """The inner rows, computed at most once for equal inputs."""
        key = (ask.first, ask.key)
        if key not in self._rows:
            while len(self._rows) >= _KEPT:
                self._rows.pop(next(iter(self._rows)))
            self._rows[key] = self.inner.predict(ask)
        return self._rows[key]

    def observe(self, ask: Ask, targets_R: np.ndarray, /) -> None:
        """Pass the targets on, once per question."""
        if self._observed < ask.stop:
            self.inner.observe(ask, targets_R)
            self._rows, self._observed = {}, ask.stop

    def state_id(self) -> str:
        """The inner state."""
        return self.inner.state_id()


class SharedGated(Shared):
    """The same for a scorer that also says in which situation each row was made."""

    def __init__(self, inner: Scorer) -> None:
        super().__init__(inner)
        self.gates: int = inner.gates  # type: ignore[attr-defined]
        self.gate_R = np.zeros(0, np.int64)
        self._gates: dict[tuple[int, bytes], np.ndarray] = {}

    def predict(self, ask: Ask, /) -> Tensor:
        """The inner rows, with the gates that belong to them."""
        key = (ask.first, ask.key)
        known = key in self._rows
        rows_RV = super().predict(ask)
        if not known:
            self._gates = {k: v for k, v in self._gates.items() if k in self._rows}
            self._gates[key] = self.inner.gate_R  # type: ignore[attr-defined]
        self.gate_R = self._gates[key]
        return rows_RV
