"""Ending in time: adaptation is switched off when, without it, the rest would just fit.

Whether to switch off is decided on rank 0 and told to the others, so that all ranks keep the same weights.
"""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch

from golfctl.evaluation.ledger import Ledger
from golfctl.evaluation.timing.clock import Clock
from golfctl.scoring.protocol import Scorer
from golfctl.scoring.ranks import Ranks

MARGIN = 1.05  # the rest is taken to cost this much more than the scoring so far did per row


@runtime_checkable
class Pausable(Protocol):
    """A scorer whose adaptation can be switched off for the rest of a run."""

    def pause(self) -> None:
        """Adapt no more; what was learned stays."""


class Deadline:
    """Watches a run; called after each block."""

    def __init__(self, clock: Clock, seconds: float, scorer: Scorer, ranks: Ranks, device: torch.device) -> None:
        """`seconds` count from when `clock` was made."""
        self.clock = clock
        self.seconds = seconds
        self.ranks = ranks
        self.device = device
        self.off_at_row: int | None = None
        self._pausable = [part for part in parts(scorer) if isinstance(part, Pausable)]

    def __call__(self, ledger: Ledger) -> bool:
        """Switch adaptation off once the rest, scored without it, would end at the deadline."""
        if self.off_at_row is None and self._pausable:
            per_row = self.clock.seconds["score"] / ledger.booked
            rest = MARGIN * per_row * (ledger.rows - ledger.booked)
            if self.ranks.agree(self.clock.total() + rest >= self.seconds, self.device):
                self.off_at_row = ledger.booked
                for part in self._pausable:
                    part.pause()
        return False

    def report(self) -> dict[str, Any]:
        """The limit, and from which row on nothing was adapted (null: it never was switched off)."""
        return {"seconds": self.seconds, "adaptation_off_at_row": self.off_at_row}


def parts(scorer: Any) -> Iterator[Any]:
    """A scorer and all that it is made of."""
    yield scorer
    inner = [scorer.inner] if hasattr(scorer, "inner") else getattr(scorer, "scorers", [])
    for part in inner:
        yield from parts(part)
