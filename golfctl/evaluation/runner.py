"""The only place where targets meet distributions.

The runner owns the tokens. It asks a scorer for complete rows, re-normalises them in float64, books targets' nats in
the ledger, and only then lets the scorer observe. `run` asks by blocks of windows,
`golfctl.evaluation.stepwise.run_steps` by steps of lanes. R rows, V vocabulary, N tokens.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from golfctl import arithmetic
from golfctl.arithmetic.mode import is_portable
from golfctl.core.progress import SILENT, Progress, Task
from golfctl.errors import NumericsError
from golfctl.evaluation.evidence.probe import CausalityProbe
from golfctl.evaluation.ledger import Ledger
from golfctl.evaluation.stream import Stream
from golfctl.evaluation.timing.clock import Clock
from golfctl.scoring.protocol import Ask, Block, Scorer, Window
from golfctl.scoring.windows import blocks, group_documents, group_windows, sliding_windows

LARGEST_CORRECTION = 1e-3  # nats; rows further from mass one are no distributions but a bug


@dataclass(frozen=True)
class BlockPlan:
    """Which inputs each row sees, and how many windows make a block."""

    rows: int
    seq_len: int
    stride: int
    per_block: int
    starts: tuple[int, ...] | None = None
    documents_per_block: int | None = None
    """Whole documents a block; None: windows are counted instead."""

    def groups(self, barrier_rows: int | None) -> Iterator[tuple[Window, ...]]:
        """Windows of each block."""
        windows = sliding_windows(self.rows, self.seq_len, self.stride, self.starts)
        if self.documents_per_block is not None:
            return group_documents(windows, self.documents_per_block)
        return group_windows(windows, self.per_block, barrier_rows)

    def blocks(self, tokens_N: np.ndarray, barrier_rows: int | None) -> Iterator[Block]:
        """The blocks in stream order."""
        return blocks(tokens_N, self.groups(barrier_rows))


@dataclass
class Run:
    """What a run leaves: the ledger, what was seen of the scorer, seconds."""

    ledger: Ledger
    causal: dict[str, Any]
    correction: float
    deadline: dict[str, Any] | None = field(default=None, kw_only=True)
    resumed_at_row: int = field(default=0, kw_only=True)
    stepwise: dict[str, Any] | None = field(default=None, kw_only=True)
    """Protocol, lanes and what they cost in context, of a run by steps."""
    state: dict[str, Any] | None = field(default=None, kw_only=True)
    """Digests of what adapted (`golfctl.evaluation.evidence.adapted_state`), where they were taken."""

    def properties(self) -> dict[str, dict[str, Any]]:
        """The findings on the scorer; that on the bytes is the text's (`golfctl.evaluation.figures.divisor`)."""
        how = f"every row renormalised in float64 by the runner; largest correction {self.correction:.1e} nats"
        return {
            "causal": self.causal,
            "normalised": {"verdict": True, "how": how},
            "score_first": {"verdict": True, "how": "runner: scores are booked before the scorer observes targets"},
            "single_pass": self.ledger.single_pass(),
        }


def run(
    scorer: Scorer,
    stream: Stream,
    plan: BlockPlan,
    clock: Clock | None = None,
    progress: Progress = SILENT,
    probe_seed: int = 0,
    after_block: Callable[[Ledger], bool] | None = None,
    probe: bool = True,
    restore: Callable[[Ledger], int] | None = None,
) -> Run:
    """Score every target of `stream` once.

    Args:
        probe: whether to sample causality probes; without them causality stays unknown.
        restore: brings scorer and ledger to where an interrupted run stopped; returns the rows already booked.
        after_block: called after each block; a true answer stops the run early (the ledger then stays open).

    Raises:
        NumericsError: a row is not finite or not a distribution.
    """
    clock = clock or Clock()
    ledger = Ledger(stream.rows)
    total = sum(1 for _ in plan.groups(scorer.barrier_rows)) if probe else 0
    watcher = CausalityProbe(total, scorer.vocab_size, seed=probe_seed)
    with clock.stage("adapt"):
        scorer.reset(stream.tokens_N[:1].astype(np.int64))
        done = restore(ledger) if restore else 0

    def questions() -> Iterator[Question]:
        for block in plan.blocks(stream.tokens_N, scorer.barrier_rows):
            if block.stop <= done:
                watcher.skip()
            else:
                yield Question(block, np.arange(block.first, block.stop))

    def watch(block: Block, rows_RV: Tensor, targets_R: np.ndarray) -> None:
        watcher.watch(scorer, block, rows_RV)

    with progress.task("eval", stream.rows, "tokens") as task:
        correction = walk(scorer, questions(), stream.tokens_N, ledger, Beside(clock, task, watch, after_block))
    return Run(ledger, watcher.finding(), correction, resumed_at_row=done)


class Question(NamedTuple):
    """What a scorer is asked at once, and the rows of the stream that its answer gives."""

    ask: Ask
    row_R: np.ndarray


class Beside(NamedTuple):
    """What goes along with a walk: time, progress, an eye on every answer, and a reason to stop early."""

    clock: Clock
    task: Task
    watch: Callable[[Any, Tensor, np.ndarray], None] | None = None
    """Called with question, rows and targets before the scorer observes these."""
    enough: Callable[[Ledger], bool] | None = None
    """Called after each question; a true answer ends the walk there (the ledger then stays open)."""


def walk(scorer: Scorer, questions: Iterator[Question], tokens_N: np.ndarray, ledger: Ledger, beside: Beside) -> float:
    """Put every question to `scorer` and book the answers; returns the largest correction that a row needed.

    Raises:
        NumericsError: a row is not finite or not a distribution.
    """
    clock, correction = beside.clock, 0.0
    for ask, row_R in questions:
        targets_R = tokens_N[row_R + 1].astype(np.int64)
        with clock.stage("score"):
            rows_RV = scorer.predict(ask)
            nll_R, off = book(rows_RV, targets_R, int(row_R[0]), scorer.vocab_size)
            ledger.book(row_R, nll_R)
        if beside.watch is not None:
            with clock.stage("probe"):
                beside.watch(ask, rows_RV, targets_R)
        with clock.stage("adapt"):
            scorer.observe(ask, targets_R)
        correction = max(correction, off)
        beside.task.advance(len(row_R), loss=ledger.nats / ledger.booked)
        if beside.enough is not None and beside.enough(ledger):
            return correction
    ledger.close()
    return correction


def book(rows_RV: Tensor, targets_R: np.ndarray, first: int, vocab_size: int) -> tuple[np.ndarray, float]:
    """Nats of the targets under rows re-normalised in float64, and the largest correction that took.

    Raises:
        NumericsError: a row is not finite, or its mass is not one.
    """
    if tuple(rows_RV.shape) != (len(targets_R), vocab_size):
        raise ValueError(f"a scorer gave rows {tuple(rows_RV.shape)}, wanted {(len(targets_R), vocab_size)}")
    rows_RV = rows_RV.double()
    if not torch.isfinite(rows_RV).all():
        raise NumericsError(f"rows {first}…: a log-probability is not finite; the model or an adaptation diverged")
    mass_R = arithmetic.logsumexp(rows_RV) if is_portable() else torch.logsumexp(rows_RV, dim=-1)
    off = float(mass_R.abs().max())
    if off > LARGEST_CORRECTION:
        raise NumericsError(f"rows {first}…: a row sums to exp({off:.3g}) instead of 1; it is no distribution")
    index_R1 = torch.from_numpy(targets_R).to(rows_RV.device)[:, None]
    nll_R = mass_R - rows_RV.gather(1, index_R1)[:, 0]
    return nll_R.cpu().numpy(), off
