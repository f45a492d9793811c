"""A scorer as the audit sees it: token texts in, ledgers out. Nothing else is assumed of it.

Legend: N tokens of a text, S texts.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from golfctl.auditing.foreign.posted_scores import PostedScores


class BlackBox(Protocol):
    """Anything that scores texts. Each text is a fresh evaluation: no state may pass from one to the next."""

    name: str
    vocab_size: int

    def score(self, texts: Sequence[np.ndarray]) -> list[PostedScores]:
        """One ledger for each text of uint16 tokens [N], in the order given."""


@runtime_checkable
class Stoppable(BlackBox, Protocol):
    """A scorer that can end early where only the first scores of a text are asked for."""

    def score_until(self, texts: Sequence[np.ndarray], last_S: Sequence[int]) -> list[PostedScores]:
        """The beginnings of the ledgers that `score` would give, with every row up to target `last_S[i]`."""


def score_until(box: BlackBox, texts: Sequence[np.ndarray], last_S: Sequence[int]) -> list[PostedScores]:
    """One ledger for each text, with all rows up to target `last_S[i]` at least; quicker where the box can stop."""
    return box.score_until(texts, last_S) if isinstance(box, Stoppable) else box.score(texts)


class FunctionBox:
    """A black box around `function(tokens_N) -> PostedScores`."""

    def __init__(self, name: str, vocab_size: int, function: Callable[[np.ndarray], PostedScores]) -> None:
        self.name, self.vocab_size, self._function = name, vocab_size, function

    def score(self, texts: Sequence[np.ndarray]) -> list[PostedScores]:
        """Call the function once for each text."""
        return [self._function(text_N) for text_N in texts]
