"""The tokens a scorer was shown so far, growing in place."""

import numpy as np


class History:
    """Observed tokens in stream order; `tokens_N[i]` is stream position i."""

    def __init__(self, prefix_N: np.ndarray) -> None:
        self._buffer = np.zeros(max(1024, 2 * len(prefix_N)), np.int64)
        self._count = 0
        self.extend(prefix_N)

    def extend(self, tokens_R: np.ndarray) -> None:
        """Append revealed tokens."""
        stop = self._count + len(tokens_R)
        if stop > len(self._buffer):
            self._buffer = np.concatenate([self._buffer, np.zeros(max(stop, len(self._buffer)), np.int64)])
        self._buffer[self._count : stop] = tokens_R
        self._count = stop

    @property
    def tokens_N(self) -> np.ndarray:
        """Everything observed, as a view."""
        return self._buffer[: self._count]
