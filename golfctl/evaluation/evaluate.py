"""The evaluation service: artifact and data in, report and ledger out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from golfctl.core.origins import Layer
from golfctl.core.progress import SILENT, Progress
from golfctl.data.dataset import Dataset
from golfctl.errors import DataError, UsageError
from golfctl.evaluation.adapted_state import final_state, never_acted
from golfctl.evaluation.assembly import assemble, assemble_ladder, setting_of
from golfctl.evaluation.figures.bpb import Score, score
from golfctl.evaluation.figures.divisor import bytes_property, text_notes
from golfctl.evaluation.figures.score_curves import by_document, by_length
from golfctl.evaluation.ladder import Climb, climb
from golfctl.evaluation.ledger import Ledger, ReplayLedger
from golfctl.evaluation.replay import ReplayRun, replay_score, run_replay
from golfctl.evaluation.report import build_report, code_sha256
from golfctl.evaluation.resume import Savepoint
from golfctl.evaluation.runner import Run, run
from golfctl.evaluation.scored_model import ScoredModel, check_tokenizer, load_source
from golfctl.evaluation.settle import Settled, resolve, settle
from golfctl.evaluation.stream import Stream
from golfctl.evaluation.timing.clock import Clock
from golfctl.evaluation.timing.deadline import Deadline
from golfctl.evaluation.timing.estimate import Estimate, project, slice_config
from golfctl.scoring.compose import Setting
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import Ranks


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation."""

    report: dict[str, Any]
    ledger: Ledger | ReplayLedger
    stream: Stream
    curves: dict[str, np.ndarray]
    """Nats of every row: of the score, or of each rung of a ladder; none for replays that score rows repeatedly."""


def evaluate(
    source_path: Path,
    data_path: Path,
    config: EvalConfig,
    device: torch.device,
    ranks: Ranks | None = None,
    ladder: bool = False,
    deadline_s: float | None = None,
    resume: Path | None = None,
    progress: Progress = SILENT,
    layers: Sequence[Layer] = (),
    texts: Sequence[Path] = (),
    known_texts: Mapping[str, str] | None = None,
) -> Evaluation:
    """Score a data set's validation text with an artifact (or a checkpoint, marked as such).

    Args:
        ladder: score every layer of the stack in one pass.
        resume: a file to save the state of the run in, and to go on from when it is there.
        deadline_s: switch adaptation off in time to end after about this many seconds.
        layers: where the values of `config` came from, for the report.
        texts: files with the original documents, where the data does not keep them or keeps others.
        known_texts: names of texts by SHA-256; tokens that decode to one of them need no original.

    Raises:
        InputError, ArtifactError, DataError, UsageError: bad or missing input, or a contradiction.
    """
    ranks = ranks or Ranks()
    shards = _scored_shards(data_path, progress) if ranks.rank == 0 else {}  # before the clock, and once for all ranks
    clock = Clock(deadline_s=deadline_s)
    with clock.stage("load"):
        source, dataset, stream = _load(source_path, data_path, config, device, texts)
    settled = settle(config, source, device, stream.rows, layers)
    config = settled.config
    if resume:
        _check_resumable(config, ladder, deadline_s)
    if ladder:
        result: Run | ReplayRun = climb_stream(source, stream, config, device, ranks, clock, progress)
    else:
        result = score_stream(source, stream, config, device, ranks, clock, progress, resume=resume)
    found = figures(stream, result)
    properties = {**result.properties(), "bytes": bytes_property(stream, _known_as(dataset, known_texts))}
    facts = _facts(source, dataset, stream, settled, result)
    facts["validation_shards"] = {"described": dataset.manifest is not None, "sha256": shards}
    facts |= {"world": ranks.world, "probe_seconds": round(clock.seconds.get("probe", 0.0), 3)}
    facts["notes"] += _worse_than_guessing(found, source)
    report = build_report(found, properties, result.ledger, config, clock, facts)
    report |= _by_documents(stream, result)
    return Evaluation(report, result.ledger, stream, _curves(result))


def _facts(
    source: ScoredModel, dataset: Dataset, stream: Stream, settled: Settled, result: Run | ReplayRun
) -> dict[str, Any]:
    """What was scored and how, for the report."""
    facts: dict[str, Any] = {
        "mode": settled.config.mode,
        "origins": settled.origins,
        "state": result.state,
        "notes": [*settled.without_effect, *never_acted(result.state), *_resumed(result), *text_notes(stream)],
        "source": {"kind": source.kind, "name": source.path.name},
        "artifact_sha256": source.sha256,
        "data_sha256": dataset.digest,
        "text": stream.digest,
        "documents": len(stream.starts_D),
        "raw_bytes_are": "decoded" if stream.raw_is_decoded else "raw",
    }
    if isinstance(result, Climb):
        facts["ladder"] = result.table(stream)
    if isinstance(result, Run) and result.deadline:
        facts["deadline"] = result.deadline
    return facts


def _known_as(dataset: Dataset, known_texts: Mapping[str, str] | None) -> str | None:
    """The name of the text that the tokens decode to, where the original is not here."""
    held = dataset.validation()
    return known_texts.get(held.text_sha256) if known_texts and held.raw_is_decoded else None


def estimate(source_path: Path, data_path: Path, config: EvalConfig, device: torch.device) -> Estimate:
    """Project the seconds of `evaluate` on one process from about one percent of the text.

    Raises:
        InputError, ArtifactError, DataError, UsageError: bad or missing input, or a contradiction.
    """
    clock = Clock()
    with clock.stage("load"):
        source, _, stream = _load(source_path, data_path, config, device)
    config = slice_config(resolve(config, source, device, stream.rows), stream.rows)
    assert config.max_tokens is not None
    part = stream.cut(config.max_tokens)
    score_stream(source, part, config, device, Ranks(), clock, probe=False)
    return project(stream.rows, part.rows, *(clock.seconds[name] for name in ("load", "score", "adapt")))


def _check_resumable(config: EvalConfig, ladder: bool, deadline_s: float | None) -> None:
    if ladder or config.leaks:
        raise UsageError("--resume continues one honest score: drop --ladder or the leaking form")
    if deadline_s is not None:
        raise UsageError("--deadline is the time of one process from its start, --resume spans several: drop one")


def _resumed(result: Run | ReplayRun) -> list[str]:
    """What the report of a resumed run cannot know of the part before."""
    if not isinstance(result, Run) or not result.resumed_at_row:
        return []
    return [f"resumed after {result.resumed_at_row:,} targets: probes and corrections are those of the rest; seconds "
            "include those up to the latest save"]  # fmt: skip


def _worse_than_guessing(found: Score, source: ScoredModel) -> list[str]:
    """A loss above that of uniform rows says that model and data hardly belong together."""
    uniform = math.log(source.vocab_size)
    if found.val_loss <= uniform:
        return []
    return [f"val_loss {found.val_loss:.4f} is above ln {source.vocab_size:,} = {uniform:.4f}: worse than guessing "
            "evenly; was the model trained, and on tokens such as these?"]  # fmt: skip


def _load(
    source_path: Path, data_path: Path, config: EvalConfig, device: torch.device, texts: Sequence[Path] = ()
) -> tuple[ScoredModel, Dataset, Stream]:
    source = load_source(source_path, device)
    dataset = Dataset.open(data_path, texts=texts)
    check_tokenizer(source, dataset.tokenizer.digest, data_path)
    return source, dataset, scored_text(dataset, config)


def _scored_shards(data_path: Path, progress: Progress) -> dict[str, str]:
    """Digests of the validation shards by file name, computed now; raises DataError for one that was changed."""
    dataset = Dataset.open(data_path)
    return dataset.check_shards(dataset.val_shards, progress=progress)


def scored_text(dataset: Dataset, config: EvalConfig) -> Stream:
    """The part of the validation text that `config` scores.

    Raises:
        DataError: nothing to score, or bytes per token are not known where they must be.
    """
    stream = Stream.of(dataset)
    stream = stream.head(config.documents) if config.documents else stream
    return stream.cut(config.max_tokens) if config.max_tokens else stream


def _by_documents(stream: Stream, result: Run | ReplayRun) -> dict[str, Any]:
    if not isinstance(result, Run):
        return {"by_length": [], "by_document": {"raw_bytes": [], "carried_bytes": [], "bits": []}}
    nll_R = result.ledger.nll_R
    return {"by_length": by_length(stream, nll_R), "by_document": by_document(stream, nll_R)}


def _curves(result: Run | ReplayRun) -> dict[str, np.ndarray]:
    if isinstance(result, Climb):
        return {name: ledger.nll_R for name, ledger in zip(result.names, result.ledgers, strict=True)}
    return {"score": result.ledger.nll_R} if isinstance(result, Run) else {}


def figures(stream: Stream, result: Run | ReplayRun) -> Score:
    """The score of an honest run, or the figures of a replay."""
    if isinstance(result, ReplayRun):
        return replay_score(stream, result.ledger)
    return score(stream, result.ledger.nll_R)


def score_stream(
    source: ScoredModel,
    stream: Stream,
    config: EvalConfig,
    device: torch.device,
    ranks: Ranks,
    clock: Clock,
    progress: Progress = SILENT,
    probe: bool = True,
    resume: Path | None = None,
    until_row: int | None = None,
) -> Run | ReplayRun:
    """Run a resolved `config` over `stream`: the honest scorer, or a replay of a leaking form.

    `probe`: gather evidence, which are causality probes and digests of what adapted. `until_row`: end with the block
    that books this row; a replay, whose rows come in any order, goes to the end.

    Raises:
        DataError: the data holds tokens the model does not know. UsageError: a replay on several ranks.
    """
    setting = _setting(source, stream, config, device, ranks)
    if config.leaks:
        if ranks.world > 1:
            raise UsageError("leaking forms are replayed on one process: their figures depend on the number of ranks")
        return run_replay(config, setting, stream, clock, progress)
    scorer, plan = assemble(config, setting, stream.lane_starts())
    deadline = None
    if clock.deadline_s is not None:
        deadline = Deadline(clock, clock.deadline_s, scorer, ranks, device)
    savepoint = Savepoint(resume, _identity(source, stream, config), clock) if resume else None

    def after_block(ledger: Ledger) -> bool:
        if savepoint and ranks.rank == 0:
            savepoint.after_block(scorer, ledger)
        enough = until_row is not None and ledger.booked > until_row
        return enough or (deadline(ledger) if deadline else False)

    def restore(ledger: Ledger) -> int:
        return savepoint.restore(scorer, ledger, stream.tokens_N) if savepoint else 0

    try:
        done = run(scorer, stream, plan, clock, progress, after_block=after_block, probe=probe, restore=restore)
        if probe:
            done = replace(done, state=final_state([scorer], source.model))
    finally:
        scorer.reset(stream.tokens_N[:1].astype(np.int64))  # the source's weights as they were loaded
    if savepoint and ranks.rank == 0:
        savepoint.remove()
    return replace(done, deadline=deadline.report()) if deadline else done


def _identity(source: ScoredModel, stream: Stream, config: EvalConfig) -> dict[str, Any]:
    return {"source": source.sha256, "text": stream.digest, "config": config.to_dict(), "code": code_sha256()}


def climb_stream(
    source: ScoredModel,
    stream: Stream,
    config: EvalConfig,
    device: torch.device,
    ranks: Ranks,
    clock: Clock,
    progress: Progress = SILENT,
) -> Climb:
    """Score `stream` with every layer of a resolved `config` added in turn, in one pass.

    Raises:
        UsageError: a ladder of leaking forms, in strict mode, or with one rung.
    """
    if config.leaks or config.strict or clock.deadline_s is not None:
        raise UsageError("--ladder climbs the honest forms whole on the fast path: drop leaks, --strict and --deadline")
    setting = _setting(source, stream, config, device, ranks)
    rungs, plan = assemble_ladder(config, setting, stream.lane_starts())
    try:
        done = climb(rungs, stream, plan, clock, progress)
        return replace(done, state=final_state([scorer for _, scorer in rungs], source.model))
    finally:
        for _, scorer in rungs:
            scorer.reset(stream.tokens_N[:1].astype(np.int64))


def _setting(source: ScoredModel, stream: Stream, config: EvalConfig, device: torch.device, ranks: Ranks) -> Setting:
    if int(stream.tokens_N.max()) >= source.vocab_size:
        raise DataError(
            f"the data holds token {int(stream.tokens_N.max())}, but {source.path} knows {source.vocab_size} tokens"
        )
    return setting_of(source, config, stream.rows, device, ranks)


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

    `until_row`: end with the block that books this row. `starts`: where documents begin.
    """
    one = np.ones(len(starts), np.int64)
    stream = Stream.of_arrays(tokens_N, np.array(starts, np.int64), one, np.ones(len(tokens_N), np.int64), "")
    config, ranks = resolve(config, source, device, stream.rows), ranks or Ranks()
    return score_stream(source, stream, config, device, ranks, Clock(), probe=probe, until_row=until_row).ledger
