"""The only place where targets meet distributions.

The runner owns the tokens. Block by block it asks a scorer for complete rows, re-normalises them in float64, books
the targets' nats in the ledger, and only then lets the scorer observe. R rows, V vocabulary, N tokens.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from golfctl.core.progress import SILENT, Progress
from golfctl.errors import NumericsError
from golfctl.evaluation.ledger import Ledger
from golfctl.evaluation.probe import CausalityProbe
from golfctl.evaluation.stream import Stream
from golfctl.evaluation.timing.clock import Clock
from golfctl.scoring.protocol import Block, Scorer, Window
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
    strict: bool = False
    documents_per_block: int | None = None
    """Whole documents a block; None: windows are counted instead."""

    def groups(self, barrier_rows: int | None) -> Iterator[tuple[Window, ...]]:
        """Windows of each block."""
        windows = sliding_windows(self.rows, self.seq_len, self.stride, self.starts)
        if self.documents_per_block is not None:
            return group_documents(windows, self.documents_per_block)
        return group_windows(windows, self.per_block, barrier_rows)

    def blocks(self, tokens_N: np.ndarray, barrier_rows: int | None) -> Iterator[Block]:
        """The blocks in stream order; single rows in strict mode."""
        return blocks(tokens_N, self.groups(barrier_rows), self.strict)


@dataclass
class Run:
    """What a run leaves: the ledger, what was seen of the scorer, seconds."""

    ledger: Ledger
    causal: dict[str, Any]
    correction: float
    deadline: dict[str, Any] | None = field(default=None, kw_only=True)
    resumed_at_row: int = field(default=0, kw_only=True)
    state: dict[str, Any] | None = field(default=None, kw_only=True)
    """Digests of what adapted (`golfctl.evaluation.adapted_state`), where they were taken."""

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
        probe: whether to sample causality probes; without them (and outside strict mode) causality stays unknown.
        restore: brings scorer and ledger to where an interrupted run stopped; returns the rows already booked.
        after_block: called after each block; a true answer stops the run early (the ledger then stays open).

    Raises:
        NumericsError: a row is not finite or not a distribution.
    """
    clock = clock or Clock()
    ledger = Ledger(stream.rows)
    total = 0 if plan.strict or not probe else sum(1 for _ in plan.groups(scorer.barrier_rows))
    watcher = CausalityProbe(total, scorer.vocab_size, seed=probe_seed)
    correction = 0.0
    with clock.stage("adapt"):
        scorer.reset(stream.tokens_N[:1].astype(np.int64))
        done = restore(ledger) if restore else 0
    with progress.task("eval", stream.rows, "tokens") as task:
        for block in plan.blocks(stream.tokens_N, scorer.barrier_rows):
            if block.stop <= done:
                watcher.skip()
                continue
            targets_R = stream.tokens_N[block.first + 1 : block.stop + 1].astype(np.int64)
            with clock.stage("score"):
                rows_RV = scorer.predict(block)
                nll_R, off = book(rows_RV, targets_R, block.first, scorer.vocab_size)
                ledger.append(block.first, nll_R)
            with clock.stage("probe"):
                watcher.watch(scorer, block, rows_RV)
            with clock.stage("adapt"):
                scorer.observe(block, targets_R)
            correction = max(correction, off)
            task.advance(block.rows, loss=ledger.nats / ledger.booked)
            if after_block is not None and after_block(ledger):
                break
        else:
            ledger.close()
    causal = (
        {"verdict": True, "how": "strict: tokens were handed out one at a time"} if plan.strict else watcher.finding()
    )
    return Run(ledger, causal, correction, resumed_at_row=done)


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
    mass_R = torch.logsumexp(rows_RV, dim=-1)
    off = float(mass_R.abs().max())
    if off > LARGEST_CORRECTION:
        raise NumericsError(f"rows {first}…: a row sums to exp({off:.3g}) instead of 1; it is no distribution")
    index_R1 = torch.from_numpy(targets_R).to(rows_RV.device)[:, None]
    nll_R = mass_R - rows_RV.gather(1, index_R1)[:, 0]
    return nll_R.cpu().numpy(), off
