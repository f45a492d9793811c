"""Where tokens are counted: places in a text, each with as much text before it as contexts reach back.

A block is one run of places. A step has one place in each lane; all lanes share one table of counts, but a lane's
contexts are its own. L lanes, K lanes at work, R places, W tokens kept of a lane and room for the next one.
"""

from typing import NamedTuple

import numpy as np

from golfctl.scoring.steps.question import Step


class Places(NamedTuple):
    """Place r lies at `tokens_N[at_R[r]]`, and its contexts have at most `reach_R[r]` tokens."""

    tokens_N: np.ndarray
    at_R: np.ndarray
    reach_R: np.ndarray

    def since(self, place: int) -> "Places":
        """The places from one on."""
        return Places(self.tokens_N, self.at_R[place:], self.reach_R[place:])


def run_of(context_N: np.ndarray, tokens_N: np.ndarray, places: int, longest: int) -> Places:
    """The first `places` places after a context; `tokens_N` are the tokens there, as far as they are known."""
    at_R = np.arange(len(context_N), len(context_N) + places)
    return Places(np.concatenate([context_N, tokens_N]).astype(np.int64), at_R, np.minimum(at_R, longest))


class LaneContexts:
    """The latest tokens of every lane."""

    def __init__(self, longest: int) -> None:
        """Contexts have at most `longest` tokens; one is kept in any case, to know a lane's last token."""
        self._longest = longest
        self._kept = max(longest, 1)
        self._token_LW = np.zeros((0, self._kept + 1), np.int64)  # the last column has room for the next token
        self._known_L = np.zeros(0, np.int64)

    def of(self, lane: int) -> np.ndarray:
        """The context of a lane."""
        self._make(lane + 1)
        return self._token_LW[lane, self._kept - self._known_L[lane] : self._kept]

    def extend(self, lane: int, tokens_N: np.ndarray) -> None:
        """Append tokens to a lane."""
        self._make(lane + 1)
        latest_N = np.concatenate([self._token_LW[lane, : self._kept], tokens_N])[-self._kept :]
        self._token_LW[lane, : self._kept] = latest_N
        self._known_L[lane] = min(self._known_L[lane] + len(tokens_N), self._kept)

    def joined(self, step: Step) -> np.ndarray:
        """Which of the tokens that begin a text join their lane's context, [K]: all but the lane's last token."""
        self._make(int(step.lane_K.max(initial=-1)) + 1)
        last_K = self._token_LW[step.lane_K, self._kept - 1]
        return step.begins_K & ((self._known_L[step.lane_K] == 0) | (last_K != step.token_K))

    def places(self, step: Step, target_K: np.ndarray) -> Places:
        """The next place of each lane at work, with the tokens there if they are known (else `target_K` is empty)."""
        joins_K = self.joined(step)
        token_KW, known_K = self._token_LW[step.lane_K], self._known_L[step.lane_K]
        token_KW[joins_K] = np.roll(token_KW[joins_K], -1, axis=1)
        token_KW[joins_K, self._kept - 1] = step.token_K[joins_K]
        if len(target_K):
            token_KW[:, self._kept] = target_K
        at_K = np.arange(1, step.rows + 1) * (self._kept + 1) - 1
        return Places(token_KW.ravel(), at_K, np.minimum(known_K + joins_K, self._longest))

    def take(self, step: Step, target_K: np.ndarray) -> None:
        """Append a step's given tokens and targets."""
        joins_K = self.joined(step)
        known_K = self._known_L[step.lane_K] + joins_K + 1
        token_KW = self.places(step, target_K).tokens_N.reshape(step.rows, -1)
        self._token_LW[step.lane_K, : self._kept] = token_KW[:, 1:]
        self._known_L[step.lane_K] = np.minimum(known_K, self._kept)

    def _make(self, lanes: int) -> None:
        more = lanes - len(self._known_L)
        if more > 0:
            self._token_LW = np.pad(self._token_LW, ((0, more), (0, 0)))
            self._known_L = np.pad(self._known_L, (0, more))
