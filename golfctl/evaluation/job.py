"""One text scored with one model: by blocks, by steps of lanes, as a ladder, or as a replay of a leaking form."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from golfctl.arithmetic.mode import portable
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import DataError, UsageError
from golfctl.evaluation.assembly import assemble, assemble_ladder, assemble_steps, setting_of
from golfctl.evaluation.evidence.adapted_state import final_state
from golfctl.evaluation.ladder import Climb, climb
from golfctl.evaluation.ledger import Ledger, ReplayLedger
from golfctl.evaluation.replay import ReplayRun, run_replay
from golfctl.evaluation.report import code_sha256
from golfctl.evaluation.resume import Savepoint
from golfctl.evaluation.runner import Run, run
from golfctl.evaluation.scored_model import ScoredModel
from golfctl.evaluation.settle import resolve
from golfctl.evaluation.stepwise import run_steps
from golfctl.evaluation.stream import Stream
from golfctl.evaluation.timing.clock import Clock
from golfctl.evaluation.timing.deadline import Deadline
from golfctl.scoring.compose import Setting
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.protocol import Scorer
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.steps.question import Step

AfterStep = Callable[[Step, Tensor, np.ndarray], None]
"""Shown each step of lanes, the scorer's rows [K, V] and the targets [K], before the scorer observes these."""


@dataclass(frozen=True)
class Job:
    """What is scored, how, and with what; `config` has no open values.

    `evidence`: gather causality probes and digests of what adapted. `until_row`: end once this row is booked; a replay,
    whose rows come in any order, goes to the end. `resume`: a file to save the state of the run in, and to go on from.
    """

    source: ScoredModel
    stream: Stream
    config: EvalConfig
    device: torch.device
    ranks: Ranks = field(default_factory=Ranks)
    clock: Clock = field(default_factory=Clock)
    progress: Progress = SILENT
    evidence: bool = True
    until_row: int | None = None
    resume: Path | None = None
    after_step: AfterStep | None = None

    def setting(self) -> Setting:
        """What the scorers are built from.

        Raises:
            DataError: the data holds tokens that the model does not know.
        """
        largest = int(self.stream.tokens_N.max())
        if largest >= self.source.vocab_size:
            raise DataError(
                f"the data holds token {largest}, but {self.source.path} knows {self.source.vocab_size} tokens"
            )
        return setting_of(self.source, self.config, self.stream.rows, self.device, self.ranks)

    def arithmetic(self) -> AbstractContextManager[None]:
        """The arithmetic that `config` asks for, within the block.

        Raises:
            UsageError: portable on a device or on several ranks. MachineError: a machine that cannot repeat it.
        """
        if self.config.portable and (self.device.type != "cpu" or self.ranks.world > 1):
            where = f"{self.device} on {self.ranks.world} ranks"
            raise UsageError(f"portable arithmetic runs on the CPU and on one rank, not on {where}: use --device cpu")
        return portable(self.config.portable)

    def identity(self) -> dict[str, Any]:
        """What a saved state belongs to."""
        return {
            "source": self.source.sha256, "text": self.stream.identity(), "config": self.config.to_dict(),
            "code": code_sha256(),
        }  # fmt: skip

    def deadline(self, scorer: Scorer) -> Deadline | None:
        """The watch over `scorer` where the clock has a deadline."""
        limit = self.clock.deadline_s
        return None if limit is None else Deadline(self.clock, limit, scorer, self.ranks, self.device)

    def forget(self, scorers: Sequence[Scorer]) -> None:
        """The source's weights as they were loaded."""
        for scorer in scorers:
            scorer.reset(self.stream.tokens_N[:1].astype(np.int64))


def score_stream(job: Job) -> Run | ReplayRun:
    """The honest score of the job's stack, or the replay of its leaking form.

    Raises:
        DataError: the data holds tokens the model does not know. UsageError: a replay on several ranks.
    """
    if job.config.leaks:
        if job.ranks.world > 1:
            raise UsageError("leaking forms are replayed on one process: their figures depend on the number of ranks")
        return run_replay(job.config, job.setting(), job.stream, job.clock, job.progress)
    with job.arithmetic():
        return _by_blocks(job) if job.config.reading_lanes is None else _by_steps(job)


def _by_blocks(job: Job) -> Run:
    scorer, plan = assemble(job.config, job.setting(), job.stream.lane_starts())
    deadline, leader = job.deadline(scorer), job.ranks.rank == 0
    savepoint = Savepoint(job.resume, job.identity(), job.clock) if job.resume else None

    def after_block(ledger: Ledger) -> bool:
        if savepoint and leader:
            savepoint.after_block(scorer, ledger)
        return _enough(job, ledger, deadline)

    def restore(ledger: Ledger) -> int:
        return savepoint.restore(scorer, ledger, job.stream.tokens_N) if savepoint else 0

    try:
        done = run(
            scorer, job.stream, plan, job.clock, job.progress, after_block=after_block, probe=job.evidence,
            restore=restore,
        )  # fmt: skip
        done = _with_findings(job, done, scorer, deadline)
    finally:
        job.forget([scorer])
    if savepoint and leader:
        savepoint.remove()
    return done


def _by_steps(job: Job) -> Run:
    scorer, reading = assemble_steps(job.config, job.setting(), job.stream)
    deadline = job.deadline(scorer)
    try:
        done = run_steps(
            scorer, job.stream, reading.stretches, reading.lanes, job.clock, job.progress, job.after_step,
            enough=lambda ledger: _enough(job, ledger, deadline),
        )  # fmt: skip
        done = replace(done, stepwise=reading.facts())
        return _with_findings(job, done, scorer, deadline)
    finally:
        job.forget([scorer])


def _enough(job: Job, ledger: Ledger, deadline: Deadline | None) -> bool:
    if deadline is not None:
        deadline(ledger)
    return job.until_row is not None and ledger.has(job.until_row)


def _with_findings(job: Job, done: Run, scorer: Scorer, deadline: Deadline | None) -> Run:
    if job.evidence:
        done = replace(done, state=final_state([scorer], job.source.model))
    return replace(done, deadline=deadline.report()) if deadline else done


def climb_stream(job: Job) -> Climb:
    """The score with every layer of the job's stack added in turn, in one pass.

    Raises:
        UsageError: a ladder of leaking forms, by steps, or with one rung.
    """
    if job.config.leaks or job.config.reading_lanes is not None or job.clock.deadline_s is not None:
        raise UsageError(
            "--ladder climbs the honest forms whole on the fast path: drop leaks, --strict, --stepwise and --deadline"
        )
    with job.arithmetic():
        return _by_rungs(job)


def _by_rungs(job: Job) -> Climb:
    rungs, plan = assemble_ladder(job.config, job.setting(), job.stream.lane_starts())
    scorers = [scorer for _, scorer in rungs]
    try:
        done = climb(rungs, job.stream, plan, job.clock, job.progress)
        return replace(done, state=final_state(scorers, job.source.model))
    finally:
        job.forget(scorers)


def score_tokens(
    source: ScoredModel,
    tokens_N: np.ndarray,
    config: EvalConfig,
    device: torch.device,
    probe: bool = False,
    ranks: Ranks | None = None,
    until_row: int | None = None,
    starts: Sequence[int] = (0,),
) -> Ledger | ReplayLedger:
    """Ledger of any token array under the same scorer (for audits): booking order, positions, nats.

    `until_row`: end once this row is booked. `starts`: where documents begin.
    """
    one = np.ones(len(starts), np.int64)
    stream = Stream.of_arrays(tokens_N, np.array(starts, np.int64), one, np.ones(len(tokens_N), np.int64), "")
    config, ranks = resolve(config, source, device, stream.rows), ranks or Ranks()
    return score_stream(Job(source, stream, config, device, ranks, evidence=probe, until_row=until_row)).ledger
