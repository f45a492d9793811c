"""What scorers that learn by counting share: an overlay over the tokens of the block at hand.

`predict` counts the block's own earlier tokens as it goes, so rows do not depend on how the stream is cut into
blocks; should `observe` or another `predict` find them otherwise, they are uncounted first.

R rows, V vocabulary, N tokens.
"""

import hashlib

import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.counts.context_counts import ContextCounts
from golfctl.scoring.history import History
from golfctl.scoring.outcome import Outcome
from golfctl.scoring.protocol import Block

_LOAD_ROWS = 4096
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

    def fill(self, tokens_N: np.ndarray, first: int, begin: int, p_RV: np.ndarray) -> int:
        """Write rows `begin …`, row r for token `first + r`, counting each token that is there; where room ran out."""
        raise NotImplementedError

    def uncount(self, tokens_N: np.ndarray, first: int) -> None:
        """Undo the counting of tokens `first …`, the latest ones counted."""
        raise NotImplementedError

    def reset(self, prefix_N: np.ndarray) -> None:
        """Empty tables; the prefix is context, not a count."""
        self.counts = ContextCounts(self.longest, self.vocab_size, self._slots_log2, self._columns)
        self._history = History(prefix_N)
        self._ahead = np.zeros(0, np.int64)

    def predict(self, block: Block) -> Tensor:
        """Log-probability rows [R, V]; `gate_R` is the longest context seen before, per row."""
        self._forget_ahead()
        tokens_N, first = self._with_context(block.inputs(block.first + 1, block.stop))
        self.gate_R = np.zeros(block.rows, np.int64)
        p_RV = self._filled(tokens_N, first, block.rows)
        self._ahead = tokens_N[first:]
        return torch.from_numpy(p_RV).to(self.device).log_()

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """Count the block's targets, most of which the overlay has counted already."""
        if not np.array_equal(self._ahead, targets_R[:-1]):
            self._forget_ahead()
        known = len(self._ahead)
        tokens_N, first = self._with_context(targets_R)
        self.count(tokens_N, first + known)
        self._history.extend(targets_R)
        self._ahead = np.zeros(0, np.int64)

    def count(self, tokens_N: np.ndarray, first: int) -> None:
        """Count tokens `first …` after their contexts."""
        self._filled(tokens_N, first, len(tokens_N) - first)

    def _filled(self, tokens_N: np.ndarray, first: int, rows: int) -> np.ndarray:
        p_RV, done = np.empty((rows, self.vocab_size), np.float32), 0
        while done < rows:
            done = self.fill(tokens_N, first, done, p_RV)
            if done < rows:
                self.counts.grow()
        return p_RV

    def _with_context(self, tokens_N: np.ndarray) -> tuple[np.ndarray, int]:
        """`tokens_N` behind as much history as contexts reach back, and where they begin."""
        context_N = self._history.tokens_N[max(0, len(self._history.tokens_N) - self.longest) :]
        return np.concatenate([context_N, tokens_N]).astype(np.int64), len(context_N)

    def _forget_ahead(self) -> None:
        if len(self._ahead):
            self.uncount(*self._with_context(self._ahead))
            self._ahead = np.zeros(0, np.int64)

    def save(self) -> dict[str, Tensor]:
        """Nothing: counts are a function of the tokens."""
        return {}

    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Count `tokens_N` again, the first being context only."""
        self.reset(tokens_N[:1])
        for begin in range(1, len(tokens_N), _LOAD_ROWS):
            part_N = tokens_N[begin : begin + _LOAD_ROWS]
            self.count(*self._with_context(part_N))
            self._history.extend(part_N)

    def outcome(self) -> Outcome:
        """How many tokens were counted."""
        return Outcome(True, f"{len(self._history.tokens_N) - 1:,} tokens counted", self.state_id())

    def state_id(self) -> str:
        """Digest of the observed tokens: all counts are a function of them."""
        return hashlib.sha256(self._history.tokens_N.tobytes()).hexdigest()
