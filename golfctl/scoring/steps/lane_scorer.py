"""The neural leaf of the step protocol: a model that reads every lane through one key-value cache.

A lane's rows are those of sliding windows over its text alone; `rolling`, those of a cache that moves along.

L lanes, K lanes at work, T tokens, D model width, V vocabulary.
"""

import hashlib

import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.neural.log_rows import log_rows
from golfctl.scoring.protocol import Laned
from golfctl.scoring.steps.lane_windows import LaneWindows
from golfctl.scoring.steps.question import Step

_TOKENS_AT_ONCE = 32 * 1024  # of windows that are refilled together


class LaneScorer:
    """A frozen model. The tokens of a step enter its cache when the step is asked, once: the answer is kept."""

    barrier_rows: int | None = None

    def __init__(
        self,
        model: Laned,
        seq_len: int,
        stride: int,
        lanes: int,
        vocab_size: int,
        device: torch.device,
        rolling: bool = False,
    ) -> None:
        """`lanes` texts at a time; `rolling`: rows see the `seq_len` latest tokens, and no window moves."""
        self.model = model
        self.seq_len = seq_len
        self.stride = stride
        self.lanes = lanes
        self.vocab_size = vocab_size
        self.device = device
        self.rolling = rolling
        self.reset(np.zeros(0, np.int64))

    def reset(self, prefix_N: np.ndarray) -> None:
        """Empty lanes."""
        self._cache = self.model.start_lane_cache(self.lanes, self.seq_len, rolling=self.rolling)
        self._windows = LaneWindows(self.lanes, self.seq_len, self.stride)
        self._shown = b""
        self._asked: tuple[int, bytes] | None = None
        self._rows_KV = torch.empty(0)

    @torch.no_grad()
    def predict(self, step: Step) -> Tensor:
        """Log-probability rows [K, V].

        Raises:
            ValueError: another step was asked and its targets were not observed.
        """
        asked = (step.first, step.key)
        if self._asked is None:
            self._rows_KV, self._asked = self._answer(step), asked
        if asked != self._asked:
            raise ValueError(f"a step at row {step.first} was asked before the targets of the one before were shown")
        return self._rows_KV

    def observe(self, step: Step, targets_K: np.ndarray) -> None:
        """A frozen model learns nothing; the targets come back as tokens of later steps."""
        self._asked = None
        self._shown = hashlib.sha256(self._shown + step.key + targets_K.astype(np.int64).tobytes()).digest()

    def window_ends(self, step: Step) -> bool:
        """Whether a lane of `step` has a full window, which its next token moves on."""
        return not self.rolling and bool(self._windows.full(step.lane_K).any())

    @torch.no_grad()
    def refill(self) -> None:
        """Read every lane's window again, for a model whose weights have changed; full ones move anyway."""
        self._cache = self.model.start_lane_cache(self.lanes, self.seq_len, rolling=self.rolling)
        windows = self._windows
        extent_L2 = np.stack([windows.count_L, windows.past_L], axis=1)
        for count, past in np.unique(extent_L2[windows.count_L < self.seq_len], axis=0):
            lane_K = np.flatnonzero((extent_L2 == (count, past)).all(axis=1))
            self._fill(lane_K, int(count), int(past))

    def _answer(self, step: Step) -> Tensor:
        begun_K = step.lane_K[step.begins_K]
        if len(begun_K):
            self._cache.begin(begun_K)
            self._begun(begun_K)
        if not self.rolling:
            moved_K = self._windows.take(step)
            if len(moved_K):
                self._cache.begin(moved_K)
                self._fill(moved_K, self._windows.kept, self._windows.kept)
        token_K1 = torch.from_numpy(step.token_K.astype(np.int64)[:, None]).to(self.device)
        h_KD = self.model.extend_lanes(token_K1, step.lane_K, self._cache)[:, -1]
        return log_rows(self._logits(h_KD, step.lane_K))

    def _fill(self, lane_K: np.ndarray, count: int, past: int) -> None:
        """The first `count` tokens of these lanes' windows into their empty caches; `past` come before scored rows."""
        at_once = max(1, _TOKENS_AT_ONCE // self.seq_len)
        for first in range(0, len(lane_K) if count else 0, at_once):
            part_K = lane_K[first : first + at_once]
            ids_KT = torch.from_numpy(self._windows.token_LT[part_K, :count]).to(self.device)
            h_KTD = self.model.extend_lanes(ids_KT, part_K, self._cache)
            self._refilled(part_K, h_KTD[:, :past])

    def _begun(self, lane_K: np.ndarray) -> None:
        """What a scorer makes of texts that begin."""

    def _refilled(self, lane_K: np.ndarray, past_KTD: Tensor) -> None:
        """What a scorer makes of the states before the first scored row of these lanes' windows."""

    def _logits(self, h_KD: Tensor, lane_K: np.ndarray) -> Tensor:
        return self.model.head(h_KD)

    def state_id(self) -> str:
        """Digest of all that the lanes were shown: what they hold is a function of it."""
        return self._shown.hex()
