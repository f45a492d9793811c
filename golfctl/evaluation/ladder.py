"""The ladder: one pass over the data in which every layer of a stack is scored, so that differences are paired.

R rows, D documents.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from golfctl.core.progress import SILENT, Progress
from golfctl.evaluation.evidence.probe import CausalityProbe
from golfctl.evaluation.figures.bpb import ratio_stderr, score
from golfctl.evaluation.ledger import Ledger
from golfctl.evaluation.runner import BlockPlan, Run, book
from golfctl.evaluation.stream import Stream
from golfctl.evaluation.timing.clock import Clock
from golfctl.scoring.protocol import Scorer


@dataclass
class Climb(Run):
    """The run of the top rung, and the ledgers and seconds of all."""

    names: list[str]
    ledgers: list[Ledger]
    seconds: list[float]

    def table(self, stream: Stream) -> list[dict[str, Any]]:
        """One row per rung; `step` is against the rung before, `all` against the first, both paired over documents."""
        bits = [stream.per_document(ledger.nll_R) / math.log(2) for ledger in self.ledgers]
        rows = []
        for i, (name, ledger) in enumerate(zip(self.names, self.ledgers, strict=True)):
            done = score(stream, ledger.nll_R)
            rows.append(
                {
                    "name": name,
                    "val_bpb": done.val_bpb,
                    "val_bpb_stderr": done.val_bpb_stderr,
                    "step": _gain(bits[i], bits[i - 1], stream) if i else None,
                    "step_stderr": ratio_stderr(bits[i] - bits[i - 1], stream.carried_bytes_D) if i else None,
                    "all": _gain(bits[i], bits[0], stream) if i else None,
                    "all_stderr": ratio_stderr(bits[i] - bits[0], stream.carried_bytes_D) if i else None,
                    "seconds": round(self.seconds[i], 3),
                }
            )
        return rows


def _gain(bits_D: np.ndarray, before_D: np.ndarray, stream: Stream) -> float:
    return float((bits_D - before_D).sum() / stream.carried_bytes_D.sum())


def climb(
    rungs: list[tuple[str, Scorer]],
    stream: Stream,
    plan: BlockPlan,
    clock: Clock | None = None,
    progress: Progress = SILENT,
) -> Climb:
    """Score every target once per rung; a rung's seconds are those it adds to the rungs before it.

    Raises:
        NumericsError: a row is not finite or not a distribution.
    """
    clock = clock or Clock()
    scorers = [scorer for _, scorer in rungs]
    ledgers = [Ledger(stream.rows) for _ in rungs]
    top, seconds, correction = scorers[-1], [0.0] * len(rungs), 0.0
    barriers = {scorer.barrier_rows for scorer in scorers if scorer.barrier_rows}
    barrier = max(barriers) if barriers else None
    probe = CausalityProbe(sum(1 for _ in plan.groups(barrier)), top.vocab_size)
    for scorer in scorers:
        scorer.reset(stream.tokens_N[:1].astype(np.int64))
    with progress.task("ladder", stream.rows, "tokens") as task:
        for block in plan.blocks(stream.tokens_N, barrier):
            targets_R = stream.tokens_N[block.first + 1 : block.stop + 1].astype(np.int64)
            for i, scorer in enumerate(scorers):
                begin = clock.now()
                with clock.stage("score"):
                    rows_RV = scorer.predict(block)
                    nll_R, off = book(rows_RV, targets_R, block.first, scorer.vocab_size)
                    ledgers[i].append(block.first, nll_R)
                seconds[i] += clock.now() - begin
                correction = max(correction, off)
            with clock.stage("probe"):
                probe.watch(top, block, rows_RV)
            for i, scorer in enumerate(scorers):
                begin = clock.now()
                with clock.stage("adapt"):
                    scorer.observe(block, targets_R)
                seconds[i] += clock.now() - begin
            task.advance(block.rows, loss=ledgers[-1].nats / ledgers[-1].booked)
    for ledger in ledgers:
        ledger.close()
    return Climb(ledgers[-1], probe.finding(), correction, [name for name, _ in rungs], ledgers, seconds)
