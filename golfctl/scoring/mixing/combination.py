"""What all combinations of scorers share: a leading scorer, experts beside it, and one life cycle."""

import hashlib

import numpy as np

from golfctl.scoring.protocol import Ask, Scorer


class Combination:
    """Scorers that answer the same questions. The first one leads."""

    def __init__(self, scorers: list[Scorer]) -> None:
        self.scorers = scorers
        self.vocab_size = scorers[0].vocab_size
        barriers = {s.barrier_rows for s in scorers if s.barrier_rows}
        if len(barriers) > 1:
            raise ValueError(f"scorers with different chunks {barriers} cannot be mixed")
        self.barrier_rows = barriers.pop() if barriers else None

    def reset(self, prefix_N: np.ndarray) -> None:
        """Reset every scorer."""
        for scorer in self.scorers:
            scorer.reset(prefix_N)

    def observe(self, ask: Ask, targets_R: np.ndarray) -> None:
        """Show every scorer the targets."""
        for scorer in self.scorers:
            scorer.observe(ask, targets_R)

    def state_id(self) -> str:
        """Digest of the scorers' states."""
        return hashlib.sha256(" ".join(scorer.state_id() for scorer in self.scorers).encode()).hexdigest()
