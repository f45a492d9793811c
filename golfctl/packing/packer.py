"""One checkpoint, ready to be packed as often as a search needs: read once, calibrated once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from golfctl.artifact import Artifact, LedgerRow, counted_bytes, encode_artifact, ledger_of, read_artifact
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import ArtifactError, NumericsError
from golfctl.packing.assignment import Assignment, assign
from golfctl.packing.checkpoint import Checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.drafting import draft_artifact, tensor_sections
from golfctl.packing.fit.sensitivity import Probe
from golfctl.packing.hessians.calibration import Calibration, model_of
from golfctl.packing.hessians.which_statistics import statistics_for
from golfctl.packing.run_context import RunContext, provenance
from golfctl.packing.unpack import check_tensor_table, decode_parts, model_spec
from golfctl.quant import QuantizedTensor, quantize
from golfctl.quant.quantizing import quantize_batch
from golfctl.quant.scheme_options import PERCENTILES, RowOptions
from golfctl.quant.stats import LayerStats

FALLBACK = "int8-row/1"
_BATCH_NUMBERS = 1 << 26  # of float32: 256 MiB


@dataclass(frozen=True)
class Packed:
    """One packing: the artifact's bytes, and what went into them."""

    config: PackConfig
    assignments: Sequence[Assignment]
    quantized: Mapping[str, QuantizedTensor]
    data: bytes
    origin: dict[str, Any]

    @cached_property
    def artifact(self) -> Artifact:
        """The bytes as a reader sees them."""
        return read_artifact(self.data)

    @property
    def ledger(self) -> list[LedgerRow]:
        """Rows that sum to the counted bytes."""
        return ledger_of(self.artifact)

    @property
    def counted_bytes(self) -> int:
        """Bytes that count against a budget."""
        return counted_bytes(self.ledger)


@dataclass(frozen=True)
class Packer:
    """A checkpoint, what surrounds it, and its calibration."""

    path: Path
    checkpoint: Checkpoint
    context: RunContext
    calibration: Calibration
    progress: Progress = SILENT
    calibration_seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @classmethod
    def prepare(
        cls, path: Path, checkpoint: Checkpoint, context: RunContext, config: PackConfig, data: Path | None,
        progress: Progress = SILENT,
    ) -> "Packer":  # fmt: skip
        """Calibrate as `config` asks, on the dataset `data` where it asks for training text."""
        found = statistics_for(path, checkpoint, config, data, progress)
        return cls(path, checkpoint, context, found.calibration, progress, found.seconds, found.notes)

    def probe(self) -> Probe | None:
        """The model with the text it was calibrated on, to measure changes with; None without text."""
        ids_NT = self.calibration.ids_NT
        return None if ids_NT is None else Probe(model_of(self.checkpoint), ids_NT)

    def pack(self, config: PackConfig) -> Packed:
        """Quantise, code and encode once.

        Raises:
            NumericsError: weights a scheme cannot hold; the tensor is named.
        """
        assignments = assign(self.checkpoint.spec, config)
        quantized = quantize_tensors(self.checkpoint, assignments, self.calibration.stats, self.progress)
        sections = tensor_sections(assignments, quantized, config.coder, self.progress)
        origin = provenance(self.path, self.checkpoint, self.context, config) | {"calibration": self.calibration.source}
        evaluation = self.context.evaluation
        draft = draft_artifact(self.checkpoint, assignments, quantized, sections, config, evaluation, origin)
        return Packed(config, assignments, quantized, encode_artifact(draft), origin)


def quantize_tensors(
    checkpoint: Checkpoint,
    assignments: Sequence[Assignment],
    stats: Mapping[str, LayerStats],
    progress: Progress = SILENT,
) -> dict[str, QuantizedTensor]:
    """Every tensor by its assignment, in the same order; the errors name the tensor.

    Matrices of one shape that GPTQ treats alike go through it together, as many as fit a batch's memory.
    """
    quantized: dict[str, QuantizedTensor] = {}
    with progress.task("quantising", len(assignments), "tensor") as task:
        for batch in _batches(checkpoint, assignments):
            held = [stats.get(one.name) for one in batch]
            if len(batch) > 1 and all(one is not None and one.product_CC is not None for one in held):
                quantized |= _quantize_together(batch, checkpoint, held)
            else:
                quantized |= {one.name: quantize_named(one, checkpoint, s) for one, s in zip(batch, held, strict=True)}
            task.advance(len(batch))
    return {one.name: quantized[one.name] for one in assignments}


def _batches(checkpoint: Checkpoint, assignments: Sequence[Assignment]) -> list[list[Assignment]]:
    """Assignments that may go through GPTQ together; all others alone."""
    alike: dict[tuple[Any, ...], list[list[Assignment]]] = {}
    for i, one in enumerate(assignments):
        key: tuple[Any, ...] = (i,)
        if isinstance(one.options, RowOptions) and one.options.feedback == "gptq":
            key = (one.scheme, one.options.to_json(), tuple(checkpoint.tensors[one.name].shape))
        bunches = alike.setdefault(key, [[]])
        if bunches[-1] and len(bunches[-1]) * _work(checkpoint.tensors[one.name].shape) >= _BATCH_NUMBERS:
            bunches.append([])
        bunches[-1].append(one)
    return [bunch for bunches in alike.values() for bunch in bunches]


def _work(shape: Sequence[int]) -> int:
    """Numbers that GPTQ holds for one matrix: weights and factor of every clip candidate."""
    return len(PERCENTILES) * (shape[0] * shape[-1] + shape[-1] ** 2)


def _quantize_together(
    batch: Sequence[Assignment], checkpoint: Checkpoint, stats: Sequence[LayerStats | None]
) -> dict[str, QuantizedTensor]:
    weights = [checkpoint.tensors[one.name] for one in batch]
    options = batch[0].options
    assert isinstance(options, RowOptions)
    try:
        found = quantize_batch(batch[0].scheme, weights, stats, options)
    except NumericsError:  # alone, so that the error names the tensor
        return {one.name: quantize_named(one, checkpoint, s) for one, s in zip(batch, stats, strict=True)}
    return {one.name: quantized for one, quantized in zip(batch, found, strict=True)}


def quantize_named(one: Assignment, checkpoint: Checkpoint, stats: LayerStats | None) -> QuantizedTensor:
    """`quantize_tensor`, with the tensor's name in its errors."""
    try:
        return quantize_tensor(one, checkpoint, stats)
    except NumericsError as error:
        raise NumericsError(f"{one.name}: {error}") from error


def quantize_tensor(one: Assignment, checkpoint: Checkpoint, stats: LayerStats | None) -> QuantizedTensor:
    """One tensor by its assignment, or by the fallback that its notes tell."""
    weight, options = checkpoint.tensors[one.name], one.options
    if one.scheme == "grid/1" and not informative(stats):
        note = f"calibration saw no gradient or no input of it: {FALLBACK} instead of {one.scheme}"
        return _noted(quantize(FALLBACK, weight), note)
    if isinstance(options, RowOptions) and options.feedback == "gptq" and (stats is None or stats.product_CC is None):
        plain = options.model_copy(update={"feedback": "none"})
        return _noted(quantize(one.scheme, weight, None, plain), "no product of the model reads it: no error feedback")
    return quantize(one.scheme, weight, stats, options)


def _noted(quantized: QuantizedTensor, note: str) -> QuantizedTensor:
    return replace(quantized, notes=(*quantized.notes, note))


def informative(stats: LayerStats | None) -> bool:
    """Whether anything flows into and out of the matrix."""
    return (
        stats is not None and bool(stats.hessian_CC.any()) and stats.gradient is not None and bool(stats.gradient.any())
    )


def check_reads_back(packed: Packed) -> None:
    """Raise ArtifactError unless a reader decodes what the quantiser said, part by part."""
    check_tensor_table(packed.artifact.manifest, model_spec(packed.artifact))
    for name, decoded in decode_parts(packed.artifact).items():
        for part, array in packed.quantized[name].parts.items():
            if not np.array_equal(decoded.parts[part], array):
                raise ArtifactError(f"{name}: part {part!r} does not read back as it was coded; nothing was written")
