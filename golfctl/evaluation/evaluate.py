"""The evaluation service: artifact and data in, report and ledger out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from golfctl.core.origins import Layer
from golfctl.core.progress import SILENT, Progress
from golfctl.data.dataset import Dataset
from golfctl.errors import UsageError
from golfctl.evaluation.evidence.adapted_state import never_acted
from golfctl.evaluation.evidence.arithmetic_used import arithmetic_used
from golfctl.evaluation.figures.bpb import Score, score
from golfctl.evaluation.figures.divisor import bytes_property, text_notes
from golfctl.evaluation.figures.score_curves import by_document, by_length
from golfctl.evaluation.job import AfterStep, Job, climb_stream, score_stream
from golfctl.evaluation.ladder import Climb
from golfctl.evaluation.ledger import Ledger, ReplayLedger
from golfctl.evaluation.replay import ReplayRun, replay_score
from golfctl.evaluation.report import build_report
from golfctl.evaluation.resume import resumed, resumed_note
from golfctl.evaluation.runner import Run
from golfctl.evaluation.scored_model import ScoredModel, check_tokenizer, load_source
from golfctl.evaluation.settle import Settled, resolve, settle
from golfctl.evaluation.stream import Stream
from golfctl.evaluation.timing.clock import Clock
from golfctl.evaluation.timing.estimate import Estimate, project, slice_config
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import Ranks


@dataclass(frozen=True)
class Request:
    """What is to be evaluated: an artifact (or a checkpoint, marked as such) on a data set's validation text."""

    source: Path
    data: Path
    config: EvalConfig
    device: torch.device
    layers: Sequence[Layer] = ()
    """Where the values of `config` came from, for the report."""
    texts: Sequence[Path] = ()
    """Files with the original documents, where the data does not keep them or keeps others."""
    known_texts: Mapping[str, str] = field(default_factory=dict)
    """Names of texts by SHA-256; tokens that decode to one of them need no original."""
    ladder: bool = False
    """Score every layer of the stack in one pass."""
    deadline_s: float | None = None
    """Switch adaptation off in time to end after about this many seconds."""
    resume: Path | None = None
    """A file to save the state of the run in, and to go on from when it is there."""
    after_step: AfterStep | None = None
    """Shown every step of an evaluation by steps."""


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation."""

    report: dict[str, Any]
    ledger: Ledger | ReplayLedger
    stream: Stream
    curves: dict[str, np.ndarray]
    """Nats of every row: of the score, or of each rung of a ladder; none for replays that score rows repeatedly."""


@dataclass(frozen=True)
class _Loaded:
    """What a request names, opened."""

    source: ScoredModel
    dataset: Dataset
    stream: Stream


def evaluate(request: Request, ranks: Ranks | None = None, progress: Progress = SILENT) -> Evaluation:
    """Score what `request` names, on this process or shared over `ranks`.

    Raises:
        InputError, ArtifactError, DataError, UsageError: bad or missing input, or a contradiction.
    """
    ranks = ranks or Ranks()
    shards = _scored_shards(request.data, progress) if ranks.rank == 0 else {}  # before the clock, and once for all
    clock = Clock(deadline_s=request.deadline_s)
    loaded = _load(request, clock)
    settled = settle(request.config, loaded.source, request.device, loaded.stream.rows, request.layers)
    _check(request, settled.config)
    job = Job(
        loaded.source, loaded.stream, settled.config, request.device, ranks, clock, progress,
        resume=request.resume, after_step=request.after_step,
    )  # fmt: skip
    result = climb_stream(job) if request.ladder else score_stream(job)
    report = _report(request, loaded, settled, job, result)
    report["arithmetic"] = arithmetic_used(job)
    report["validation_shards"] = {"described": loaded.dataset.manifest is not None, "sha256": shards}
    return Evaluation(report, result.ledger, loaded.stream, _curves(result))


def estimate(request: Request) -> Estimate:
    """Project the seconds of `evaluate` on one process from about one percent of the text.

    Raises:
        InputError, ArtifactError, DataError, UsageError: bad or missing input, or a contradiction.
    """
    clock = Clock()
    loaded = _load(request, clock)
    stream = loaded.stream
    config = slice_config(resolve(request.config, loaded.source, request.device, stream.rows), stream.rows)
    if config.lanes > 1:
        raise UsageError("--estimate projects from the text's beginning, where lanes are still short: drop --lanes")
    assert config.max_tokens is not None
    part = stream.cut(config.max_tokens)
    score_stream(Job(loaded.source, part, config, request.device, clock=clock, evidence=False))
    return project(stream.rows, part.rows, *(clock.seconds[name] for name in ("load", "score", "adapt")))


def _load(request: Request, clock: Clock) -> _Loaded:
    with clock.stage("load"):
        source = load_source(request.source, request.device)
        dataset = Dataset.open(request.data, texts=request.texts)
        check_tokenizer(source, dataset.tokenizer.digest, request.data)
        return _Loaded(source, dataset, scored_text(dataset, request.config))


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


def _check(request: Request, config: EvalConfig) -> None:
    """Refuse what this evaluation could not act on."""
    if request.resume is None:
        return
    if request.ladder or config.leaks:
        raise UsageError("--resume continues one honest score: drop --ladder or the leaking form")
    if config.reading_lanes is not None:
        raise UsageError("--resume goes on between blocks of windows, and steps have none: drop --strict or --stepwise")
    if request.deadline_s is not None:
        raise UsageError("--deadline is the time of one process from its start, --resume spans several: drop one")


def _report(request: Request, loaded: _Loaded, settled: Settled, job: Job, result: Run | ReplayRun) -> dict[str, Any]:
    """Everything that the report says."""
    stream, found = loaded.stream, figures(loaded.stream, result)
    known_as = _known_as(loaded.dataset, request.known_texts)
    properties = {**result.properties(), "bytes": bytes_property(stream, known_as)}
    facts = _facts(loaded, settled, result)
    facts |= {"world": job.ranks.world, "probe_seconds": round(job.clock.seconds.get("probe", 0.0), 3)}
    facts["notes"] += _worse_than_guessing(found, loaded.source)
    report = build_report(found, properties, result.ledger, settled.config, job.clock, facts)
    return report | _by_documents(stream, result)


def _facts(loaded: _Loaded, settled: Settled, result: Run | ReplayRun) -> dict[str, Any]:
    """What was scored and how, for the report."""
    source, stream = loaded.source, loaded.stream
    facts: dict[str, Any] = {
        "mode": settled.config.mode,
        "origins": settled.origins,
        "state": result.state,
        "notes": [*settled.without_effect, *never_acted(result.state), *text_notes(stream)],
        "source": {"kind": source.kind, "name": source.path.name},
        "artifact_sha256": source.sha256,
        "data_sha256": loaded.dataset.digest,
        "text": stream.digest,
        "documents": len(stream.starts_D),
        "raw_bytes_are": "decoded" if stream.raw_is_decoded else "raw",
    }
    facts |= _particulars(result, stream)
    facts["notes"] += [resumed_note(facts["resumed"])] if "resumed" in facts else []
    return facts


def _particulars(result: Run | ReplayRun, stream: Stream) -> dict[str, Any]:
    """What only some evaluations have to say."""
    if isinstance(result, Climb):
        return {"ladder": result.table(stream)}
    if not isinstance(result, Run):
        return {}
    found: dict[str, Any] = {"deadline": result.deadline} if result.deadline else {}
    found |= {"stepwise": result.stepwise} if result.stepwise else {}
    return found | ({"resumed": resumed(result.resumed_at_row)} if result.resumed_at_row else {})


def _known_as(dataset: Dataset, known_texts: Mapping[str, str]) -> str | None:
    """The name of the text that the tokens decode to, where the original is not here."""
    held = dataset.validation()
    return known_texts.get(held.text_sha256) if held.raw_is_decoded else None


def _worse_than_guessing(found: Score, source: ScoredModel) -> list[str]:
    """A loss above that of uniform rows says that model and data hardly belong together."""
    uniform = math.log(source.vocab_size)
    if found.val_loss <= uniform:
        return []
    return [f"val_loss {found.val_loss:.4f} is above ln {source.vocab_size:,} = {uniform:.4f}: worse than guessing "
            "evenly; was the model trained, and on tokens such as these?"]  # fmt: skip


def figures(stream: Stream, result: Run | ReplayRun) -> Score:
    """The score of an honest run, or the figures of a replay."""
    if isinstance(result, ReplayRun):
        return replay_score(stream, result.ledger)
    return score(stream, result.ledger.nll_R)
