"""What each lane's window holds: the tokens of sliding evaluation, lane by lane.

A lane's first window begins with its text and takes `seq_len` tokens. When the next token comes, the window moves on by
`stride` and is refilled with the tokens it keeps: the rows are those of `golfctl.scoring.windows.sliding_windows`.

L lanes, K lanes named, T tokens of a window.
"""

import numpy as np

from golfctl.scoring.steps.question import Step


class LaneWindows:
    """Tokens in each lane's window, and how many of them came before its first scored row."""

    def __init__(self, lanes: int, seq_len: int, stride: int) -> None:
        """Empty windows."""
        self.kept = seq_len - stride
        """Tokens that a window keeps when it moves."""
        self.token_LT = np.zeros((lanes, seq_len), np.int64)
        self.count_L = np.zeros(lanes, np.int64)
        self.past_L = np.zeros(lanes, np.int64)
        """Tokens before the first scored row: none in a lane's first window."""

    def take(self, step: Step) -> np.ndarray:
        """The tokens that `step` shows; returns the lanes whose windows moved on."""
        full_K = ~step.begins_K & self.full(step.lane_K)
        begun_K, moved_K = step.lane_K[step.begins_K], step.lane_K[full_K]
        self.count_L[begun_K] = self.past_L[begun_K] = 0
        if self.kept:
            self.token_LT[moved_K, : self.kept] = self.token_LT[moved_K, -self.kept :]
        self.count_L[moved_K] = self.past_L[moved_K] = self.kept
        self.token_LT[step.lane_K, self.count_L[step.lane_K]] = step.token_K
        self.count_L[step.lane_K] += 1
        return moved_K

    def full(self, lane_K: np.ndarray) -> np.ndarray:
        """Which of these windows move with their next token, [K]."""
        return np.asarray(self.count_L[lane_K] == self.token_LT.shape[1])
