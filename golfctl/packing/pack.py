"""`pack`: a checkpoint to one artifact, and a receipt in its run's journal."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from golfctl.artifact import Budget, LedgerRow, check_budget, find_budget, tensor_bytes
from golfctl.artifact.replacing import Replaced, replaceable
from golfctl.core.files import atomic_write
from golfctl.core.journal import Journal
from golfctl.core.progress import SILENT, Progress
from golfctl.data.dataset import Dataset
from golfctl.errors import UsageError
from golfctl.model.weights.names import load_named_tensors
from golfctl.model.weights.new_model import empty_model
from golfctl.packing.checkpoint import Checkpoint, read_checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.fit.fitting import fit
from golfctl.packing.hessians.calibration import held_out_windows, model_of, sequence_length
from golfctl.packing.measures.figures import GroupFigures, TensorFigures, group_figures, tensor_figures
from golfctl.packing.measures.losses import Measured, measure
from golfctl.packing.packer import Packed, Packer, check_reads_back
from golfctl.packing.run_context import JOURNAL_FILE, run_context
from golfctl.packing.schema import SCHEMA
from golfctl.packing.sections import fallback_notes
from golfctl.quant import dequantize

ARTIFACT_FILE = "model.golf"


class PackResult(NamedTuple):
    """What was packed. `ledger` sums to the counted bytes; `notes` are the fallbacks taken, by tensor; `replaced` is
    the artifact that stood in this one's place."""

    path: Path
    sha256: str
    file_bytes: int
    counted_bytes: int
    budget: Budget | None
    ledger: list[LedgerRow]
    groups: list[GroupFigures]
    tensors: list[TensorFigures]
    settings: PackConfig
    calibration: dict[str, Any]
    held_out: Measured | None
    notes: list[str]
    replaced: Replaced | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as `golfctl pack --json` prints them."""
        return {
            "schema": SCHEMA,
            "path": str(self.path),
            "artifact_sha256": self.sha256,
            "file_bytes": self.file_bytes,
            "counted_bytes": self.counted_bytes,
            "budget": self.budget.report(self.ledger) if self.budget else None,
            "ledger": [row.to_json() for row in self.ledger],
            "groups": [group.to_dict() for group in self.groups],
            "tensors": [tensor.to_dict() for tensor in self.tensors],
            "pack": self.settings.to_dict(),
            "calibration": self.calibration,
            "held_out": self.held_out.to_dict() if self.held_out else None,
            "notes": self.notes,
            "replaced": self.replaced._asdict() if self.replaced else None,
        }


def _check_target(target: Path, sources: tuple[Path, ...]) -> None:
    """Refuse, before any work, to write the artifact over a file it is made from."""
    for source in sources:
        if target.resolve() == source.resolve():
            raise UsageError(f"{target} is a file the artifact is made from: name another --out")


def pack(
    path: Path,
    config: PackConfig,
    out: Path | None = None,
    data: Path | None = None,
    progress: Progress = SILENT,
    measured: bool = False,
) -> PackResult:
    """Pack the checkpoint at `path` into `out` (default: `model.golf` beside it).

    `data` is the dataset of the run: calibration on training text needs it, and so does `measured`, the loss before and
    after on held-out training text. Nothing is written unless the artifact is inside its budget and reads back exactly.

    Raises:
        UsageError: `out` is a file the artifact is made from, or one that is no artifact.
        InputError, CheckpointError: no such checkpoint, or a damaged one. NumericsError: weights a scheme cannot hold.
        BudgetError: too large; the message has the figures. StorageError: the disk refuses.
    """
    budget = None if config.budget == "none" else find_budget(config.budget)
    checkpoint, context = read_checkpoint(path), run_context(path)
    target = out or context.folder / ARTIFACT_FILE
    _check_target(target, (path, *map(Path, (*config.code, *config.external))))
    replaced = replaceable(target)
    packer = Packer.prepare(path, checkpoint, context, config, data, progress)
    packed = _packed(packer, config, budget, progress)
    check_reads_back(packed)
    if budget:
        check_budget(packed.ledger, budget)
    held_out = _held_out(packed, checkpoint, data, progress) if measured and data is not None else None
    atomic_write(target, packed.data)
    result = _result(packer, packed, budget, target, held_out, replaced)
    _receipt(context.folder, result, packed.origin, packer)
    return result


def _packed(packer: Packer, config: PackConfig, budget: Budget | None, progress: Progress) -> Packed:
    if not config.fit:
        return packer.pack(config)
    if budget is None or config.margin >= budget.limit_bytes:
        raise UsageError(f"a margin of {config.margin:,} bytes leaves nothing of the budget")
    return fit(packer, config, budget.limit_bytes - config.margin, progress)


def _held_out(packed: Packed, checkpoint: Checkpoint, data: Path, progress: Progress) -> Measured:
    after = empty_model(checkpoint.spec)
    decoded = {n: torch.from_numpy(dequantize(q.scheme, q.shape, q.parts)) for n, q in packed.quantized.items()}
    load_named_tensors(after, decoded)
    after.eval()
    ids_NT = held_out_windows(Dataset.open(data), checkpoint.spec.vocab_size, sequence_length(checkpoint))
    return measure(model_of(checkpoint), after, ids_NT, progress)


def _result(
    packer: Packer,
    packed: Packed,
    budget: Budget | None,
    target: Path,
    held_out: Measured | None,
    replaced: Replaced | None,
) -> PackResult:
    figures = _figures(packer, packed)
    return PackResult(
        path=target,
        sha256=packed.artifact.sha256,
        file_bytes=len(packed.data),
        counted_bytes=packed.counted_bytes,
        budget=budget,
        ledger=packed.ledger,
        groups=group_figures(figures),
        tensors=figures,
        settings=packed.config,
        calibration=packer.calibration.source,
        held_out=held_out,
        notes=[
            *packer.notes,
            *fallback_notes(packed.artifact.manifest.sections, packed.config.coder),
            *(f"{row.name}: {note}" for row in figures for note in row.notes),
        ],
        replaced=replaced,
    )


def _figures(packer: Packer, packed: Packed) -> list[TensorFigures]:
    sizes = tensor_bytes(packed.artifact)
    return [
        tensor_figures(
            one,
            packed.quantized[one.name],
            packer.checkpoint.tensors[one.name],
            packer.calibration.stats.get(one.name),
            sizes[one.name].bytes,
        )
        for one in packed.assignments
    ]


def _receipt(folder: Path, result: PackResult, origin: dict[str, Any], packer: Packer) -> None:
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
                "calibration": result.calibration,
                "calibration_seconds": round(packer.calibration_seconds, 3),
                "notes": result.notes,
                "pack": origin["pack"],
            },
        )
