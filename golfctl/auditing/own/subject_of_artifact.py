"""An artifact, its data and its evaluation stack as a subject for every check."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from golfctl.artifact import open_artifact
from golfctl.auditing.ahead import Ahead
from golfctl.auditing.blackbox import FunctionBox
from golfctl.auditing.foreign.command import DEFAULT_TIMEOUT_SECONDS
from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.foreign.subject_of_command import fresh_texts, slice_text
from golfctl.auditing.foreign.trace import Trace
from golfctl.auditing.own.evaluation import RunnerBox, scoring_subject, unadapted
from golfctl.auditing.own.geometry import differences, probe_config
from golfctl.auditing.own.processes import feed_evaluation, ranks_box, trace_evaluation
from golfctl.auditing.plan import Plan
from golfctl.auditing.receipts import byte_claim, phase_seconds
from golfctl.auditing.subject import CountedFile, Fresh, Subject
from golfctl.core.journal import Record
from golfctl.core.origins import Layer
from golfctl.data.dataset import Dataset
from golfctl.errors import InputError
from golfctl.evaluation.evaluate import scored_text
from golfctl.evaluation.report import code_sha256
from golfctl.evaluation.scored_model import check_tokenizer, load_source
from golfctl.evaluation.settle import settle
from golfctl.scoring.config import EvalConfig

_SMALL_BYTES = 4 << 20


@dataclass(frozen=True)
class Own:
    """What is audited: the artifact, the dataset folder, the stack with where it came from, and what lies beside them.

    `seconds_per_run` limits what is scored in another process; `fresh` is a second text of the same kind, `reference`
    a model of the same tokenizer that saw neither text.
    """

    artifact: Path
    data: Path
    config: EvalConfig
    device: torch.device
    records: Sequence[Record] = ()
    code: Sequence[Path] = ()
    exact_geometry: bool = False
    seconds_per_run: float = DEFAULT_TIMEOUT_SECONDS
    fresh: Path | None = None
    reference: Path | None = None
    layers: Sequence[Layer] = ()


def own_subject(own: Own, plan: Plan, ahead: Ahead) -> Subject:
    """Load everything and lay it out for the checks; what runs in other processes is prepared to begin early.

    Raises:
        InputError, ArtifactError, DataError, UsageError: bad or missing input, or a contradiction.
    """
    model = load_source(own.artifact, own.device)
    dataset = Dataset.open(own.data)
    dataset.check_shards(dataset.val_shards)
    check_tokenizer(model, dataset.tokenizer.digest, own.data)
    settled = settle(own.config, model, own.device, scored_text(dataset, own.config).rows, own.layers)
    config = settled.config
    tokens_N = np.asarray(dataset.validation().tokens_N)
    probed = probe_config(config, own.exact_geometry)
    text_N, rest_M = slice_text(tokens_N, plan, str(own.data))
    records = list(own.records)
    scoring = scoring_subject(own.artifact.name, model, probed, own.device, text_N, rest_M)
    return replace(
        _with_processes(scoring, own, probed, dataset, plan, ahead),
        head_N=tokens_N[: plan.text_tokens],
        bos=dataset.tokenizer.bos,
        fresh=_fresh(own, probed, tokens_N, model.vocab_size, plan),
        withheld=[*dataset.train_shards, *dataset.val_shards],
        forbidden=dataset.train_shards,
        dataset=dataset,
        byte_claim=byte_claim(records, model.sha256, len(dataset.validation().starts_D)),
        counted=counted_files(own.artifact, own.code),
        seconds=phase_seconds(records, model.sha256),
        facts={
            "artifact_sha256": model.sha256,
            "data_sha256": dataset.digest,
            "code_sha256": code_sha256(),
            "config": config.to_dict(),
            "origins": settled.origins,
            "changed_for_probing": differences(config, probed),
        },
    )


def _with_processes(
    scoring: Subject, own: Own, probed: EvalConfig, dataset: Dataset, plan: Plan, ahead: Ahead
) -> Subject:
    """What is scored in processes of their own, each prepared for the very text that its check asks for."""
    assert scoring.box is not None
    vocab_size, text_N = scoring.box.vocab_size, scoring.text_N
    seconds = own.seconds_per_run
    ranks, no_ranks = ranks_box(own.artifact, probed, own.device, vocab_size, seconds, ahead.started)
    fed = feed_evaluation(own.artifact, probed, own.device, vocab_size, seconds, ahead.started)
    threads = max(1, torch.get_num_threads() // 2)  # the other checks have theirs meanwhile

    def on_ranks(tokens_N: np.ndarray) -> PostedScores:
        assert ranks is not None
        return ranks.score([tokens_N])[0]

    def traced() -> list[Trace]:
        return [trace_evaluation(own.artifact, own.config, own.device, dataset, threads, seconds, ahead.started)]

    return replace(
        scoring,
        ranks=None if ranks is None else FunctionBox(ranks.name, vocab_size, ahead.prepare("T10", on_ranks, text_N)),
        no_ranks=no_ranks,
        feed=None if fed is None else ahead.prepare("T13", fed, text_N[: plan.fed_tokens]),
        traces=ahead.prepare("T14", traced),
        ahead=ahead,
    )


def _fresh(own: Own, config: EvalConfig, tokens_N: np.ndarray, vocab_size: int, plan: Plan) -> Fresh | None:
    if own.fresh is None:
        return None
    return fresh_texts(own.fresh, tokens_N, vocab_size, plan, _reference(own, config))


def _reference(own: Own, config: EvalConfig) -> RunnerBox | None:
    """The reference as a box of its own, unadapted.

    Raises:
        UsageError: its tokenizer is another one.
    """
    if own.reference is None:
        return None
    model = load_source(own.reference, own.device)
    check_tokenizer(model, Dataset.open(own.data).tokenizer.digest, own.data)
    return RunnerBox(own.reference.name, model, unadapted(config), own.device)


@contextmanager
def few_threads(artifact: Path) -> Iterator[None]:
    """One thread for the CPU while a small artifact is probed: windows are too small to be worth sharing.

    Threads that share tiny products mostly wait for each other, on a busy machine for whole time slices.
    """
    before = torch.get_num_threads()
    if artifact.stat().st_size <= _SMALL_BYTES:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def counted_files(artifact: Path, code: Sequence[Path]) -> list[CountedFile]:
    """The artifact with what it holds, then files beside it: those its manifest declares, and `code`.

    Raises:
        InputError: a file of `code` is missing, or no file.
    """
    for path in code:
        if not path.is_file():
            raise InputError(f"--code {path}: no such file; name each file that counts")
    opened = open_artifact(artifact)
    kinds = {section.kind for section in opened.manifest.sections}
    holds = ("model", *sorted(kinds & {"code", "tokenizer"}))
    files = [CountedFile(artifact.name, artifact.stat().st_size, holds)]
    files += [CountedFile(f.name, f.bytes, ("code",)) for f in opened.manifest.external]
    return files + [CountedFile(path.name, path.stat().st_size, ("code",)) for path in code]
