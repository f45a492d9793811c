"""How a question is cut where learned numbers move: at multiples of `every` rows, once all targets so far are known.

A block knows its own targets but the last, so its parts end at the multiples. A step knows none: it is one part, and
what it learns moves at its end if it reached or passed a multiple.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from torch import Tensor

from golfctl.scoring.protocol import Ask


class Part(NamedTuple):
    """Rows `[first, stop)` of a question, by their place in it; the targets of `[first, known)` are known."""

    first: int
    known: int
    stop: int
    moves: bool
    """Whether what was learned moves once the targets of all rows are known."""

    @property
    def rows(self) -> slice:
        """All rows of the part."""
        return slice(self.first, self.stop)


def parts(ask: Ask, every: int) -> list[Part]:
    """The parts in order. Only the last one holds rows whose targets are unknown; all before it move."""
    known = ask.first + len(ask.known_R)
    multiples = range((ask.first // every + 1) * every, known + 1, every)
    return [
        Part(first - ask.first, min(known, stop) - ask.first, stop - ask.first, stop // every > first // every)
        for first, stop in pairwise([ask.first, *multiples, ask.stop])
    ]


class Learner(Protocol):
    """What the targets change."""

    def push(self, rows: Any, target_R: Tensor, /) -> None:
        """Remember what the targets of these rows say, if there are any."""

    def move(self, config: Any, /) -> None:
        """Follow what is remembered."""


_L = TypeVar("_L", bound=Learner)


@dataclass
class Ahead(Generic[_L]):
    """What a question taught so far, and its rows whose targets are still unknown."""

    learned: _L
    rest: Any
    moves: bool
    """Whether what was learned moves once they are known."""

    def settled(self, target_R: Tensor, config: Any) -> _L:
        """What is learned with the targets that were unknown."""
        self.learned.push(self.rest, target_R)
        if self.moves:
            self.learned.move(config)
        return self.learned
