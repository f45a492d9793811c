"""One question of the step protocol (docs/protocol.md): some lanes were each shown one more token; what comes next?

K lanes at work, R = K rows.
"""

from dataclasses import dataclass

import numpy as np

NONE_KNOWN = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Step:
    """The tokens just shown. The answer is one complete row a lane, before any of the lanes' next tokens is known."""

    lane_K: np.ndarray
    """Lanes at work, ascending; rows are booked in this order."""
    token_K: np.ndarray
    """The token that each lane was shown: the target of its last row, or the token given with a text."""
    begins_K: np.ndarray
    """True where that token begins a text: a lane's rows depend on nothing that it read before."""
    first: int
    """Rows booked before this step."""

    @property
    def rows(self) -> int:
        """Number of rows wanted."""
        return len(self.lane_K)

    @property
    def stop(self) -> int:
        """Rows booked after this step."""
        return self.first + self.rows

    @property
    def known_R(self) -> np.ndarray:
        """Targets that may be used while this step is answered: none."""
        return NONE_KNOWN

    @property
    def key(self) -> bytes:
        """Equal for equal questions."""
        return b"".join(part.tobytes() for part in (self.lane_K, self.token_K, self.begins_K))
