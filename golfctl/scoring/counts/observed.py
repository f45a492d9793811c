"""Every token that counts have seen, in order, with its lane: what the counts are a function of. N tokens."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.counts.lane_places import Places
from golfctl.scoring.history import History


class Observed:
    """Tokens and where they stood. A token's mark is its lane, or `~lane` where it is context and no count."""

    def __init__(self, prefix_N: np.ndarray) -> None:
        self._tokens = History(prefix_N)
        self._marks = History(np.full(len(prefix_N), ~0))

    def see(self, lane_N: np.ndarray, tokens_N: np.ndarray, counted: bool = True) -> None:
        """Append tokens."""
        self._tokens.extend(tokens_N)
        self._marks.extend(lane_N if counted else ~lane_N)

    @property
    def counted(self) -> int:
        """Number of tokens counted."""
        return int((self._marks.tokens_N >= 0).sum())

    @property
    def plain(self) -> bool:
        """Whether it is one text in one lane whose first token alone is context: then the tokens say everything."""
        return not self._marks.tokens_N[1:].any()

    def content(self) -> bytes:
        """Bytes that are equal for equal content."""
        tokens = self._tokens.tokens_N.tobytes()
        return tokens if self.plain else tokens + self._marks.tokens_N.tobytes()

    def texts(self) -> Iterator[tuple[int, np.ndarray]]:
        """The tokens of each lane, lane by lane."""
        lane_N = self._lanes()
        for lane in np.unique(lane_N):
            yield int(lane), self._tokens.tokens_N[lane_N == lane]

    def places(self, longest: int) -> Places:
        """Everything that was counted, in order."""
        lane_N, tokens_N = self._lanes(), self._tokens.tokens_N
        order_N = np.argsort(lane_N, kind="stable")
        begin_N = np.searchsorted(lane_N[order_N], lane_N)
        at_N = np.empty_like(order_N)
        at_N[order_N] = np.arange(len(order_N))
        counted = self._marks.tokens_N >= 0
        return Places(tokens_N[order_N], at_N[counted], np.minimum(at_N - begin_N, longest)[counted])

    def save(self) -> dict[str, Tensor]:
        """What a text does not say of itself."""
        if self.plain:
            return {}
        pair = {"tokens_N": self._tokens.tokens_N, "marks_N": self._marks.tokens_N}
        return {name: torch.from_numpy(values_N.copy()) for name, values_N in pair.items()}

    @classmethod
    def load(cls, saved: dict[str, Tensor], tokens_N: np.ndarray) -> "Observed":
        """What `save` gave, or one text in one lane."""
        observed = cls(tokens_N[:1])
        observed.see(np.zeros(len(tokens_N[1:]), np.int64), tokens_N[1:])
        if saved:
            observed._tokens, observed._marks = (History(saved[name].numpy()) for name in ("tokens_N", "marks_N"))
        return observed

    def _lanes(self) -> np.ndarray:
        marks_N = self._marks.tokens_N
        return np.where(marks_N < 0, ~marks_N, marks_N)
