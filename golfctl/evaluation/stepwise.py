"""Scoring by the step protocol: lanes of text side by side, one token each at a time (docs/protocol.md).

Causal by structure: when a scorer answers, no target of the rows asked for has been handed out in any form.

K lanes at work, R rows, V vocabulary.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from golfctl.core.progress import SILENT, Progress
from golfctl.evaluation.ledger import LaneLedger, Ledger
from golfctl.evaluation.runner import Beside, Question, Run, walk
from golfctl.evaluation.stream import Stream
from golfctl.evaluation.timing.clock import Clock
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.protocol import Scorer
from golfctl.scoring.steps import PROTOCOL
from golfctl.scoring.steps.lanes import Lanes, Stretch, Text, cut_in, whole_documents
from golfctl.scoring.steps.question import Step
from golfctl.scoring.windows import tokens_seen

_NOTHING = np.zeros(0, np.int64)


@dataclass(frozen=True)
class LaneReading:
    """What the lanes read, and how far back the rows of the neural model see while they do."""

    lanes: int
    stretches: Sequence[Stretch]
    alone: Sequence[Stretch]
    """What one lane would read."""
    window: Callable[[int], np.ndarray]
    """Tokens that each of the first n rows of a text sees."""

    @classmethod
    def of(cls, config: EvalConfig, seq_len: int, starts: Sequence[int], rows: int) -> "LaneReading":
        """Whole documents where `config` isolates them, else the text in as many parts as there are lanes."""
        lanes = config.reading_lanes or 1
        window = partial(tokens_seen, seq_len=seq_len, stride=None if config.rolling else config.stride)
        if config.context == "documents":
            documents = whole_documents(starts, rows)
            return cls(lanes, documents, documents, window)
        return cls(lanes, cut_in(lanes, rows), cut_in(1, rows), window)

    def facts(self) -> dict[str, Any]:
        """What the report says of it: the protocol, the lanes, and what they cost in context, by the schedule alone."""
        seen_R, alone_R = (self._seen(stretches) for stretches in (self.stretches, self.alone))
        return {
            "protocol": PROTOCOL,
            "lanes": self.lanes,
            "mean_context": float(seen_R.mean()),
            "mean_context_of_one_lane": float(alone_R.mean()),
            "rows_with_less_context": int((seen_R < alone_R).sum()),
        }

    def _seen(self, stretches: Sequence[Stretch]) -> np.ndarray:
        """Tokens that each row of the text sees, [R]: stretches follow each other."""
        return np.concatenate([self.window(s.stop - s.first) for s in stretches])


def run_steps(
    scorer: Scorer,
    stream: Stream,
    stretches: Sequence[Stretch],
    lanes: int,
    clock: Clock | None = None,
    progress: Progress = SILENT,
    after_step: Callable[[Step, Tensor, np.ndarray], None] | None = None,
    enough: Callable[[Ledger], bool] | None = None,
) -> Run:
    """Score every target of `stream` once, in the order in which `lanes` lanes read its stretches.

    Args:
        after_step: shown each step, the scorer's rows [K, V] and the targets [K], before the scorer observes these.
        enough: called after each step; a true answer stops the run early (the ledger then stays open).

    Raises:
        NumericsError: a row is not finite or not a distribution.
    """
    clock, ledger = clock or Clock(), LaneLedger(stream.rows)
    with clock.stage("adapt"):
        scorer.reset(_NOTHING)
    with progress.task("eval", stream.rows, "tokens") as task:
        asked = _questions(stream.tokens_N, stretches, lanes)
        correction = walk(scorer, asked, stream.tokens_N, ledger, Beside(clock, task, after_step, enough))
    plural = "s" if lanes > 1 else ""
    causal = {"verdict": True, "how": f"stepwise: {lanes} lane{plural}, tokens handed out one at a time"}
    return Run(ledger, causal, correction)


def _questions(tokens_N: np.ndarray, stretches: Sequence[Stretch], lanes: int) -> Iterator[Question]:
    """Steps and their rows; a step's targets are revealed to the lanes once the step is done with."""
    texts = [Text(int(tokens_N[s.given]), s.stop - s.first) for s in stretches]
    first_P = np.array([s.first for s in stretches])
    reading = Lanes(texts, lanes)
    while step := reading.step():
        text_K, row_K = reading.reading()
        row_K = first_P[text_K] + row_K
        yield Question(step, row_K)
        reading.reveal(tokens_N[row_K + 1])
