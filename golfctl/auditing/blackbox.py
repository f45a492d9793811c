"""A scorer as the audit sees it: token texts in, ledgers out. Nothing else is assumed of it.

Legend: N tokens of a text.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from golfctl.auditing.ledger import Ledger


class BlackBox(Protocol):
    """Anything that scores texts. Each text is a fresh evaluation: no state may pass from one to the next."""

    name: str
    vocab_size: int

    def score(self, texts: Sequence[np.ndarray]) -> list[Ledger]:
        """One ledger for each text of uint16 tokens [N], in the order given."""


class FunctionBox:
    """A black box around `function(tokens_N) -> Ledger`."""

    def __init__(self, name: str, vocab_size: int, function: Callable[[np.ndarray], Ledger]) -> None:
        self.name, self.vocab_size, self._function = name, vocab_size, function

    def score(self, texts: Sequence[np.ndarray]) -> list[Ledger]:
        """Call the function once for each text."""
        return [self._function(text_N) for text_N in texts]


class CountingBox:
    """Passes everything on and counts texts and tokens, for the report and for cost limits."""

    def __init__(self, box: BlackBox) -> None:
        self.name, self.vocab_size, self._box = box.name, box.vocab_size, box
        self.texts = self.tokens = 0

    def score(self, texts: Sequence[np.ndarray]) -> list[Ledger]:
        """Score and count."""
        self.texts += len(texts)
        self.tokens += sum(len(text_N) for text_N in texts)
        return self._box.score(texts)
