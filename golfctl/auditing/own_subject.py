"""An artifact, its data and its evaluation stack as a subject for every check."""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from golfctl.artifact import open_artifact
from golfctl.auditing.foreign import slice_text
from golfctl.auditing.geometry import differences, probe_config
from golfctl.auditing.own import scoring_subject
from golfctl.auditing.plan import Plan
from golfctl.auditing.receipts import byte_claim, phase_seconds
from golfctl.auditing.subject import CountedFile, Subject
from golfctl.auditing.trace import Trace, run_traced
from golfctl.core.journal import Record
from golfctl.data.dataset import Dataset
from golfctl.evaluation.evaluate import resolve
from golfctl.evaluation.report import code_sha256
from golfctl.evaluation.sources import check_tokenizer, load_source
from golfctl.scoring.config import EvalConfig

_TRACE_SECONDS = 300.0


@dataclass(frozen=True)
class Own:
    """What is audited: the artifact, the dataset folder, the stack, and what lies beside them."""

    artifact: Path
    data: Path
    config: EvalConfig
    device: torch.device
    records: Sequence[Record] = ()
    code: Sequence[Path] = ()
    exact_geometry: bool = False


def own_subject(own: Own, plan: Plan) -> Subject:
    """Load everything and lay it out for the checks.

    Raises:
        InputError, ArtifactError, DataError, UsageError: bad or missing input, or a contradiction.
    """
    model = load_source(own.artifact, own.device)
    dataset = Dataset.open(own.data)
    check_tokenizer(model, dataset.tokenizer.digest, own.data)
    config = resolve(own.config, model, own.device)
    tokens_N = np.asarray(dataset.validation().tokens_N)
    probed = probe_config(config, own.exact_geometry)
    text_N, rest_M = slice_text(tokens_N, plan, str(own.data))
    records = list(own.records)
    scoring = scoring_subject(own.artifact.name, model, probed, own.device, text_N, rest_M)
    return replace(
        scoring,
        traces=lambda: [trace_evaluation(own, dataset)],
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
            "changed_for_probing": differences(config, probed),
        },
    )


def counted_files(artifact: Path, code: Sequence[Path]) -> list[CountedFile]:
    """The artifact with what it holds, then files beside it: those its manifest declares, and `code`."""
    opened = open_artifact(artifact)
    kinds = {section.kind for section in opened.manifest.sections}
    holds = ("model", *sorted(kinds & {"code", "tokenizer"}))
    files = [CountedFile(artifact.name, artifact.stat().st_size, holds)]
    files += [CountedFile(f.name, f.bytes, ("code",)) for f in opened.manifest.external]
    return files + [CountedFile(path.name, path.stat().st_size, ("code",)) for path in code]


def trace_evaluation(own: Own, dataset: Dataset) -> Trace:
    """Evaluate one document in a process of its own whose data folder holds no training shard."""
    with tempfile.TemporaryDirectory(prefix="golfctl-audit-") as name:
        folder = Path(name)
        data = folder / "held-out"
        data.mkdir()
        for shard in dataset.val_shards:
            (data / shard.name).symlink_to(shard.resolve())
        (data / "tokenizer.model").write_bytes(dataset.tokenizer.proto)
        settings = folder / "settings.json"
        values = {
            "artifact": str(own.artifact.resolve()),
            "data": str(data),
            "config": own.config.to_dict(),
            "device": str(own.device),
        }
        settings.write_text(json.dumps(values), encoding="utf-8")
        command = [sys.executable, "-m", "golfctl.auditing.traced_evaluation", str(settings)]
        return run_traced(command, folder, _TRACE_SECONDS, {})
