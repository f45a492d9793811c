"""Running the leaking forms: targets are handed to the scorer, scores go into a ledger that is never honest."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from golfctl.core.progress import SILENT, Progress
from golfctl.evaluation.evidence.adapted_state import final_state
from golfctl.evaluation.figures.bpb import Score, ratio_stderr
from golfctl.evaluation.ledger import ReplayLedger
from golfctl.evaluation.stream import Stream
from golfctl.evaluation.timing.clock import Clock
from golfctl.scoring.compose import Setting, trainer
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.leaking.hashed_ngram import ReplayTargetKeyed
from golfctl.scoring.leaking.replay_scorers import ReplayScorer, ReplaySlot, ReplayWindows
from golfctl.scoring.neural.sliding import NeuralScorer, WindowForward
from golfctl.scoring.neural.ttt import ChunkTrainer
from golfctl.scoring.protocol import Block, Window
from golfctl.scoring.windows import group_windows, make_block, sliding_windows

_LN2 = float(np.log(2))


@dataclass
class ReplayRun:
    """What a replay leaves."""

    ledger: ReplayLedger
    config: EvalConfig
    state: dict[str, Any]
    """Digests of what adapted (`golfctl.evaluation.evidence.adapted_state`)."""

    def properties(self) -> dict[str, dict[str, Any]]:
        """The findings on the scorer: those that the chosen forms break by construction are false."""
        c = self.config
        fits_targets = (c.slot and c.slot.form != "causal") or c.adapt_then_score
        keyed = c.ngram and c.ngram.form == "target-keyed"
        return {
            "causal": _finding(fits_targets, "replay: fitted on targets that it scores"),
            "normalised": _finding(keyed, "replay: only the realised token was looked up"),
            "score_first": _finding(fits_targets or keyed, "replay: the targets were handed over before the scores"),
            "single_pass": self.ledger.single_pass(),
        }


def _finding(broken: Any, how: str) -> dict[str, Any]:
    return {"verdict": False, "how": how} if broken else {"verdict": None, "how": "replayed, not probed"}


def run_replay(
    config: EvalConfig, setting: Setting, stream: Stream, clock: Clock, progress: Progress = SILENT
) -> ReplayRun:
    """Reproduce a leaking evaluation on one process, as its authors ran it."""
    ledger = ReplayLedger(stream.rows, config.leaks)
    scorer = _replay_scorer(config, setting, stream)
    training = trainer(config, setting) if config.ttt else None
    if training is not None:
        with clock.stage("adapt"):
            training.reset(stream.tokens_N[:1].astype(np.int64))
            training.history.extend(stream.tokens_N[1:].astype(np.int64))
            if config.adapt_then_score:
                training.train_until(training.chunks)
    with progress.task("replay (leaks)", stream.rows, "tokens") as task:
        barrier = training.chunk_rows if training is not None else None
        for block, chunk in _blocks(config, setting, stream, barrier):
            if training is not None and not config.adapt_then_score:
                with clock.stage("adapt"):
                    training.train_until(min(chunk, training.chunks - 1))
            targets = stream.tokens_N[block.origin + 1 : block.stop + 1].astype(np.int64)
            with clock.stage("score"):
                nll_R = scorer.score(block, targets).cpu().numpy()
            row_R = np.concatenate([np.arange(w.first, w.stop) for w in block.windows])
            ledger.append(row_R, nll_R)
            scorer.observe(block, targets)
            task.advance(len(row_R))
    state = final_state([scorer, training], setting.model)
    _restore(training, stream)
    ledger.close()
    return ReplayRun(ledger, config, state)


def _restore(training: ChunkTrainer | None, stream: Stream) -> None:
    """Leave the model as it was found."""
    if training is not None:
        training.reset(stream.tokens_N[:1].astype(np.int64))


def _replay_scorer(config: EvalConfig, setting: Setting, stream: Stream) -> ReplayScorer:
    forward = WindowForward(setting.model, setting.seq_len, config.batch, setting.device, setting.ranks)
    if config.slot:
        return ReplaySlot(forward, setting.vocab_size, config.slot, config.leaks)
    if config.ngram and config.ngram.form == "target-keyed":
        neural = NeuralScorer(forward, setting.vocab_size)
        return ReplayTargetKeyed(neural, config.ngram, stream.tokens_N.astype(np.int64), config.leaks)
    return ReplayWindows(forward, config.leaks)


def _blocks(config: EvalConfig, setting: Setting, stream: Stream, barrier: int | None) -> Iterator[tuple[Block, int]]:
    """Blocks with the chunk they belong to; batches of windows as the form shares them."""
    tail = "once"
    if config.tail == "reference":
        tail = "ttt-1128" if config.ttt or config.slot else "sliding-1128"
    batch = config.slot.batch_windows if config.slot else config.batch
    windows = sliding_windows(stream.rows, setting.seq_len, config.stride, tail=tail)
    for group in group_windows(windows, batch, barrier):
        yield _block(stream, group), (group[0].first // barrier if barrier else 0)


def _block(stream: Stream, group: tuple[Window, ...]) -> Block:
    return make_block(stream.tokens_N, group, group[0].first, group[-1].stop)


def replay_score(stream: Stream, ledger: ReplayLedger) -> Score:
    """Figures of a replay: means over everything booked, repeats included, as the reference programs take them."""
    nll_R, position_R = ledger.nll_R, ledger.position_R
    loss = float(nll_R.sum()) / len(nll_R)
    nats = loss * stream.rows
    booked_billed = int(stream.billed_N[position_R].sum())
    sums_R = np.bincount(position_R, weights=nll_R, minlength=stream.rows + 1)[1:]
    times_R = np.maximum(np.bincount(position_R, minlength=stream.rows + 1)[1:], 1)
    return Score(
        val_loss=loss,
        val_bpb=nats / _LN2 / stream.carried_bytes,
        val_bpb_stderr=ratio_stderr(stream.per_document(sums_R / times_R) / _LN2, stream.carried_bytes_D),
        val_bpb_raw=None if stream.raw_is_decoded else nats / _LN2 / stream.raw_bytes,
        val_bpb_billed=float(nll_R.sum()) / _LN2 / booked_billed if booked_billed else None,
        tokens=stream.rows,
        carried_bytes=stream.carried_bytes,
        raw_bytes=stream.raw_bytes,
        billed_bytes=int(stream.billed_N.sum()),
    )
