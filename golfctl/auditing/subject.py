"""What is audited, as far as it lets itself be reached: every part is optional, and a missing part is `not covered`.

Legend: S texts, N tokens of a text, M tokens of other documents, V vocabulary.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from golfctl.auditing.blackbox import BlackBox
from golfctl.auditing.plan import Plan
from golfctl.auditing.rules import Rules
from golfctl.core.progress import SILENT, Progress

_NO_TOKENS = np.zeros(0, np.uint16)


class Source(Protocol):
    """A predictor q that the auditor can sample and ask: any causal, normalised one will do."""

    name: str

    def sample(self, count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """`count` texts [S, N] uint16 and −ln q of every token [S, N] float64 (token 0 is given: 0)."""

    def row(self, prefix_N: np.ndarray) -> np.ndarray:
        """q over the next token after `prefix_N`, [V], summing to one: the proposal for sampled masses."""


class Stepper(Protocol):
    """A scorer driven one token at a time, which holds no text of its own (level 2)."""

    vocab_size: int

    def reset(self) -> None:
        """Forget every token."""

    def predict(self) -> np.ndarray:
        """ln p of the next token, [V]."""

    def observe(self, token: int) -> None:
        """Reveal the next token."""

    def state_hash(self) -> str:
        """A digest of everything that a later prediction can depend on."""

    def clone(self) -> "Stepper":
        """An independent copy in the same state."""


@dataclass
class Subject:
    """The parts of what is audited; checks say `not covered` for what is None."""

    name: str
    box: BlackBox | None = None
    text_N: np.ndarray = field(default_factory=lambda: _NO_TOKENS)
    others_M: np.ndarray = field(default_factory=lambda: _NO_TOKENS)
    variants: Mapping[str, BlackBox] = field(default_factory=dict)
    source: Source | None = None
    stepper: Stepper | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Context:
    """How it is audited. `noise` is the largest deviation between repeats (nats), set by T0."""

    plan: Plan
    rules: Rules
    progress: Progress = SILENT
    noise: float = 0.0
