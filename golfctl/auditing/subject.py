"""What is audited, as far as it lets itself be reached: every part is optional, and a missing part is `not covered`.

Legend: S texts, N tokens of a text, M tokens of other documents, V vocabulary.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from golfctl.auditing.ahead import Ahead
from golfctl.auditing.blackbox import BlackBox
from golfctl.auditing.foreign.feeder import Fed
from golfctl.auditing.foreign.trace import Trace
from golfctl.auditing.plan import Plan
from golfctl.auditing.rules import Rules
from golfctl.core.progress import SILENT, Progress
from golfctl.data.dataset import Dataset

_NO_TOKENS = np.zeros(0, np.uint16)


class TextSource(Protocol):
    """A predictor q that the auditor can sample and ask: any causal, normalised one will do."""

    name: str

    def sample(self, count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """`count` texts [S, N] uint16 and −ln q of every token [S, N] float64 (token 0 is given: 0)."""

    def row(self, prefix_N: np.ndarray) -> np.ndarray:
        """q over the next token after `prefix_N`, [V], summing to one: the proposal for sampled masses."""


class Span(Protocol):
    """Rows `[first, stop)` asked for at once; row i scores the token at i + 1."""

    @property
    def first(self) -> int:
        """The first row."""

    @property
    def stop(self) -> int:
        """One beyond the last row."""


class Session(Protocol):
    """A fresh scorer on one text, driven by the auditor, who reveals targets after their rows were posted (level 2)."""

    def blocks(self) -> Iterator[Any]:
        """The `Span`s of the text, in order."""

    def predict(self, block: Any) -> np.ndarray:
        """ln p rows [R, V] of a block, float64."""

    def observe(self, block: Any, targets_R: np.ndarray) -> None:
        """Reveal the targets of a block."""

    def state(self) -> str:
        """A digest of everything that a later prediction can depend on."""


class ByteClaim(NamedTuple):
    """What a report or a foreign program says of the text it scored; None where it says nothing."""

    raw_bytes: int | None = None
    billed_bytes: int | None = None
    tokens: int | None = None
    text: str | None = None
    carried_bytes: int | None = None


class Fresh(NamedTuple):
    """Equally long texts, [N] of the validation text and [F] that nobody has seen, and who else may score them."""

    seen_N: np.ndarray
    fresh_F: np.ndarray
    reference: BlackBox | None = None


class CountedFile(NamedTuple):
    """Bytes on disk that count; `holds` says what is among them: model, code, tokenizer."""

    name: str
    bytes: int
    holds: tuple[str, ...]


@dataclass
class Subject:
    """The parts of what is audited; checks say `not covered` for what is None.

    `session` opens a driven run on a text; `traces` gives what scoring runs opened (made by then, or made by the
    call); `forbidden` are files and folders that scoring has no business with, `withheld` those that a scorer fed
    through a pipe has none with. `bos` begins documents; `head_N` is the beginning of the whole validation text.
    `ranks` scores on several processes, `no_ranks` says why that was not tried. `ahead` holds what may begin early.
    """

    name: str
    box: BlackBox | None = None
    text_N: np.ndarray = field(default_factory=lambda: _NO_TOKENS)
    others_M: np.ndarray = field(default_factory=lambda: _NO_TOKENS)
    head_N: np.ndarray = field(default_factory=lambda: _NO_TOKENS)
    bos: int | None = None
    fresh: Fresh | None = None
    variants: Mapping[str, BlackBox] = field(default_factory=dict)
    ranks: BlackBox | None = None
    no_ranks: str = ""
    source: TextSource | None = None
    session: Callable[[np.ndarray], Session] | None = None
    feed: Callable[[np.ndarray], Fed] | None = None
    traces: Callable[[], Sequence[Trace]] | None = None
    forbidden: Sequence[Path] = ()
    withheld: Sequence[Path] = ()
    dataset: Dataset | None = None
    byte_claim: ByteClaim | None = None
    counted: Sequence[CountedFile] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    ahead: Ahead | None = None


@dataclass
class AuditContext:
    """How it is audited. `noise` is the largest deviation between repeats (nats), set by T0."""

    plan: Plan
    rules: Rules
    progress: Progress = SILENT
    noise: float = 0.0
