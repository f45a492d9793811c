"""`pack`: a checkpoint to one artifact, and a receipt in its run's journal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from golfctl.artifact import (
    Artifact,
    Budget,
    LedgerRow,
    check_budget,
    counted_bytes,
    encode_artifact,
    find_budget,
    ledger_of,
    read_artifact,
    tensor_bytes,
)
from golfctl.core.files import atomic_write
from golfctl.core.journal import Journal
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import ArtifactError, NumericsError
from golfctl.packing.assignment import Assignment, assign
from golfctl.packing.checkpoint import Checkpoint, read_checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.context import JOURNAL_FILE, provenance, run_context
from golfctl.packing.drafting import draft_artifact, tensor_sections
from golfctl.packing.figures import GroupFigures, TensorFigures, group_figures, tensor_figures
from golfctl.packing.unpack import check_tensor_table, decode_parts, model_spec
from golfctl.quant import QuantizedTensor, quantize

ARTIFACT_FILE = "model.golf"


class PackResult(NamedTuple):
    """What was packed. `ledger` sums to the counted bytes; `notes` are the fallbacks taken, by tensor."""

    path: Path
    sha256: str
    file_bytes: int
    counted_bytes: int
    budget: Budget | None
    ledger: list[LedgerRow]
    groups: list[GroupFigures]
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as `golfctl pack --json` prints them."""
        return {
            "path": str(self.path),
            "artifact_sha256": self.sha256,
            "file_bytes": self.file_bytes,
            "counted_bytes": self.counted_bytes,
            "budget": self.budget.report(self.ledger) if self.budget else None,
            "ledger": [row.to_json() for row in self.ledger],
            "groups": [group.to_dict() for group in self.groups],
            "notes": self.notes,
        }


def pack(path: Path, config: PackConfig, out: Path | None = None, progress: Progress = SILENT) -> PackResult:
    """Pack the checkpoint at `path` into `out` (default: `model.golf` beside it).

    Nothing is written unless the artifact is inside its budget and reads back exactly.

    Raises:
        InputError, CheckpointError: no such checkpoint, or a damaged one. NumericsError: weights a scheme cannot hold.
        BudgetError: too large; the message has the figures. StorageError: the disk refuses.
    """
    budget = None if config.budget == "none" else find_budget(config.budget)
    checkpoint, context = read_checkpoint(path), run_context(path)
    assignments = assign(checkpoint.spec, config)
    quantized = quantize_tensors(checkpoint, assignments, progress)
    sections = tensor_sections(assignments, quantized, config.coder, progress)
    origin = provenance(path, checkpoint, context, config)
    draft = draft_artifact(checkpoint, assignments, quantized, sections, config, context.evaluation, origin)
    data = encode_artifact(draft)
    artifact = read_artifact(data)
    _check_reads_back(artifact, quantized)
    ledger = ledger_of(artifact)
    if budget:
        check_budget(ledger, budget)
    target = out or context.folder / ARTIFACT_FILE
    atomic_write(target, data)
    figures = _figures(artifact, checkpoint, assignments, quantized)
    notes = [f"{row.name}: {note}" for row in figures for note in row.notes]
    result = PackResult(
        target, artifact.sha256, len(data), counted_bytes(ledger), budget, ledger, group_figures(figures), notes
    )
    _receipt(context.folder, result, origin)
    return result


def quantize_tensors(
    checkpoint: Checkpoint, assignments: Sequence[Assignment], progress: Progress = SILENT
) -> dict[str, QuantizedTensor]:
    """Every tensor by its assignment, in the same order; the errors name the tensor."""
    quantized = {}
    with progress.task("quantising", len(assignments), "tensor") as task:
        for one in assignments:
            try:
                quantized[one.name] = quantize(one.scheme, checkpoint.tensors[one.name], None, one.options)
            except NumericsError as error:
                raise NumericsError(f"{one.name}: {error}") from error
            task.advance()
    return quantized


def _check_reads_back(artifact: Artifact, quantized: Mapping[str, QuantizedTensor]) -> None:
    """What a reader decodes is what the quantiser said, part by part."""
    check_tensor_table(artifact.manifest, model_spec(artifact))
    for name, decoded in decode_parts(artifact).items():
        for part, array in quantized[name].parts.items():
            if not np.array_equal(decoded.parts[part], array):
                raise ArtifactError(f"{name}: part {part!r} does not read back as it was coded; nothing was written")


def _figures(
    artifact: Artifact,
    checkpoint: Checkpoint,
    assignments: Sequence[Assignment],
    quantized: Mapping[str, QuantizedTensor],
) -> list[TensorFigures]:
    sizes = tensor_bytes(artifact)
    return [
        tensor_figures(one, quantized[one.name], checkpoint.tensors[one.name].float().numpy(), sizes[one.name].bytes)
        for one in assignments
    ]


def _receipt(folder: Path, result: PackResult, origin: dict[str, Any]) -> None:
    """Continue the run's journal, where there is one."""
    journal = folder / JOURNAL_FILE
    if journal.is_file():
        Journal(journal).append(
            "pack",
            {
                "artifact_sha256": result.sha256,
                "file_bytes": result.file_bytes,
                "counted_bytes": result.counted_bytes,
                "checkpoint_sha256": origin["checkpoint"]["sha256"],
                "pack": origin["pack"],
            },
        )
