"""What scorers that learn by counting share: contexts of each lane, and an overlay over the tokens known beforehand.

`predict` counts the tokens that a block knows as it goes, so rows do not depend on how the stream is cut into blocks;
should `observe` or another `predict` find them otherwise, they are uncounted first. A step knows none: all its rows
come first, then its targets are counted in the order of lanes.

R rows, V vocabulary, N tokens.
"""

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from golfctl import arithmetic
from golfctl.arithmetic.mode import is_portable
from golfctl.scoring.counts.context_counts import ContextCounts
from golfctl.scoring.counts.lane_places import LaneContexts, Places, run_of
from golfctl.scoring.counts.observed import Observed
from golfctl.scoring.outcome import Outcome
from golfctl.scoring.protocol import Ask
from golfctl.scoring.steps.question import Step

_MOST_SLOTS_LOG2 = 24  # 512 MiB; beyond that tables grow when they must


class CountingScorer:
    """Base of the count models; a subclass fills rows, counts tokens, and says which `part` of the stack it is."""

    part: str
    barrier_rows: int | None = None

    def __init__(
        self, vocab_size: int, longest: int, device: torch.device, columns: int = 4, expected_rows: int = 0
    ) -> None:
        """Contexts of 0 … `longest` tokens; a table made for `expected_rows` at once seldom grows, which is slow."""
        self.vocab_size = vocab_size
        self.longest = longest
        self.device = device
        self._columns = columns
        self._slots_log2 = min(max(16, (expected_rows * (longest + 1)).bit_length() - 1), _MOST_SLOTS_LOG2)
        self.gates = longest + 1
        self.gate_R = np.zeros(0, np.int64)
        self.reset(np.zeros(0, np.int64))

    def fill(self, places: Places, known: int, begin: int, p_RV: np.ndarray) -> int:
        """Write rows `begin …`, one a place, and count the tokens of the first `known` places after their rows.

        Returns where room ran out.
        """
        raise NotImplementedError

    def count(self, places: Places) -> None:
        """Count the tokens at these places, in order."""
        raise NotImplementedError

    def uncount(self, tokens_N: np.ndarray, first: int) -> None:
        """Undo the counting of tokens `first …`, the latest ones counted."""
        raise NotImplementedError

    def reset(self, prefix_N: np.ndarray) -> None:
        """Empty tables; the prefix is context, not a count."""
        self.counts = ContextCounts(self.longest, self.vocab_size, self._slots_log2, self._columns)
        self._contexts = LaneContexts(self.longest)
        self._contexts.extend(0, prefix_N)
        self._observed = Observed(prefix_N)
        self._ahead = np.zeros(0, np.int64)

    def predict(self, ask: Ask, /) -> Tensor:
        """Log-probability rows [R, V]; `gate_R` is the longest context seen before, per row."""
        self._forget_ahead()
        places = self._places(ask, ask.known_R)
        self.gate_R = np.zeros(ask.rows, np.int64)
        p_RV = np.empty((ask.rows, self.vocab_size), np.float32)
        self.with_room(lambda done: self.fill(places, len(ask.known_R), done, p_RV), ask.rows)
        self._ahead = ask.known_R
        rows_RV = torch.from_numpy(p_RV).to(self.device)
        return arithmetic.log(rows_RV) if is_portable() else rows_RV.log_()

    def observe(self, ask: Ask, targets_R: np.ndarray, /) -> None:
        """Count the targets, of which the overlay has counted those of a block but the last."""
        if not np.array_equal(self._ahead, targets_R[: len(self._ahead)]):
            self._forget_ahead()
        self.count(self._places(ask, targets_R).since(len(self._ahead)))
        if isinstance(ask, Step):
            joins_K = self._contexts.joined(ask)
            self._observed.see(ask.lane_K[joins_K], ask.token_K[joins_K], counted=False)
            self._observed.see(ask.lane_K, targets_R)
            self._contexts.take(ask, targets_R)
        else:
            self._observed.see(np.zeros(len(targets_R), np.int64), targets_R)
            self._contexts.extend(0, targets_R)
        self._ahead = np.zeros(0, np.int64)

    def with_room(self, work: Callable[[int], int], rows: int) -> None:
        """Call `work(rows done so far)`, which says where room ran out, until all `rows` are done."""
        done = 0
        while done < rows:
            done = work(done)
            if done < rows:
                self.counts.grow()

    def _places(self, ask: Ask, tokens_R: np.ndarray) -> Places:
        """The places of the rows asked for, with what is known of their tokens."""
        if isinstance(ask, Step):
            return self._contexts.places(ask, tokens_R)
        return run_of(self._contexts.of(0), tokens_R, ask.rows, self.longest)

    def _forget_ahead(self) -> None:
        if len(self._ahead):
            context_N = self._contexts.of(0)
            self.uncount(np.concatenate([context_N, self._ahead]).astype(np.int64), len(context_N))
            self._ahead = np.zeros(0, np.int64)

    def save(self) -> dict[str, Tensor]:
        """Nothing, where the text alone says what was counted; else every token with its lane."""
        return self._observed.save()

    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Count again: `tokens_N`, the first being context only, or what was saved."""
        self.reset(tokens_N[:0])
        self._observed = Observed.load(saved, tokens_N)
        for lane, text_N in self._observed.texts():
            self._contexts.extend(lane, text_N)
        self.count(self._observed.places(self.longest))

    def outcome(self) -> Outcome:
        """How many tokens were counted."""
        return Outcome(True, f"{self._observed.counted:,} tokens counted", self.state_id())

    def state_id(self) -> str:
        """Digest of the observed tokens: all counts are a function of them."""
        return hashlib.sha256(self._observed.content()).hexdigest()
