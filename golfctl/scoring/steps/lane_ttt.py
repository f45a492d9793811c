"""Test-time training by lanes: rows are counted in the order in which they are booked.

A chunk is trained on as soon as it is booked and some lane's window ends: because it is full, or because the lane goes
on to its next text. The chunk's rows are sorted by lane, each lane's in its own order, and cut into training sequences
of a token shown and the target that followed it; with one lane that is the stream. Then every lane's window is read
again by the new weights.

R rows of a chunk, N rows booked, K lanes at work.
"""

import hashlib

import numpy as np
from torch import Tensor

from golfctl.scoring.history import History
from golfctl.scoring.neural.ttt import ChunkTrainer
from golfctl.scoring.outcome import Outcome
from golfctl.scoring.steps.lane_scorer import LaneScorer
from golfctl.scoring.steps.question import Step

_NOTHING = np.zeros(0, np.int64)


class BookedRows:
    """Every row booked: its lane, the token shown, the target."""

    def __init__(self) -> None:
        self.lane, self.shown, self.target = (History(_NOTHING) for _ in range(3))

    def add(self, step: Step, targets_K: np.ndarray) -> None:
        """The rows of `step`."""
        self.lane.extend(step.lane_K)
        self.shown.extend(step.token_K)
        self.target.extend(targets_K)

    def pairs(self, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens shown [R] and targets [R] of rows `[first, stop)`, lane after lane."""
        order_R = first + np.argsort(self.lane.tokens_N[first:stop], kind="stable")
        return self.shown.tokens_N[order_R], self.target.tokens_N[order_R]


class LaneTrainer(ChunkTrainer):
    """A trainer whose rows come from lanes."""

    def reset(self, prefix_N: np.ndarray) -> None:
        """The weights as they were, a new optimizer, no rows."""
        super().reset(prefix_N)
        self.booked = BookedRows()

    @property
    def scored(self) -> int:
        """Rows whose targets were revealed."""
        return len(self.booked.lane.tokens_N)

    def pairs(self, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """What rows `[first, stop)` teach: tokens and the targets after them."""
        return self.booked.pairs(first, stop)


class LaneTttScorer:
    """Wraps a scorer of lanes and trains its model on what was observed."""

    part = "ttt"
    barrier_rows: int | None = None

    def __init__(self, inner: LaneScorer, trainer: LaneTrainer) -> None:
        self.inner = inner
        self.trainer = trainer
        self.vocab_size = inner.vocab_size
        self.paused = False

    def reset(self, prefix_N: np.ndarray) -> None:
        """The weights as they were, a new optimizer, empty lanes."""
        self.trainer.reset(prefix_N)
        self.inner.reset(prefix_N)
        self.paused = False

    def predict(self, step: Step) -> Tensor:
        """The inner rows under the weights of now; where texts begin, windows have ended."""
        if step.begins_K.any():
            self._train()
        return self.inner.predict(step)

    def observe(self, step: Step, targets_K: np.ndarray) -> None:
        """Train on every chunk that is now wholly scored, once a window ends; never on the last chunk."""
        self.inner.observe(step, targets_K)
        self.trainer.booked.add(step, targets_K)
        if self.inner.window_ends(step):
            self._train()

    def _train(self) -> None:
        ready = min(self.trainer.scored // self.trainer.chunk_rows, self.trainer.chunks - 1)
        if self.trainer.chunk < ready and not self.paused:
            self.trainer.train_until(ready)
            self.inner.refill()

    def pause(self) -> None:
        """Train no more in this run; the weights stay as they are."""
        self.paused = True

    def outcome(self) -> Outcome:
        """How many chunks were trained on, and the weights before and after."""
        return self.trainer.outcome()

    def state_id(self) -> str:
        """Digest of the inner state, weights, optimizer state and position."""
        return hashlib.sha256(f"{self.inner.state_id()} {self.trainer.state_id()}".encode()).hexdigest()
