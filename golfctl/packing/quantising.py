"""A checkpoint's tensors to codes, each by its assignment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from golfctl.core.progress import SILENT, Progress
from golfctl.errors import NumericsError
from golfctl.packing.assignment import Assignment
from golfctl.packing.checkpoint import Checkpoint
from golfctl.quant import QuantizedTensor, quantize
from golfctl.quant.quantizing import quantize_batch
from golfctl.quant.scheme_options import PERCENTILES, RowOptions
from golfctl.quant.stats import LayerStats

FALLBACK = "int8-row/1"
_BATCH_NUMBERS = 1 << 26  # of float32: 256 MiB


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
                quantized |= {one.name: quantize_tensor(one, checkpoint, s) for one, s in zip(batch, held, strict=True)}
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
        return {one.name: quantize_tensor(one, checkpoint, s) for one, s in zip(batch, stats, strict=True)}
    return {one.name: quantized for one, quantized in zip(batch, found, strict=True)}


def quantize_tensor(one: Assignment, checkpoint: Checkpoint, stats: LayerStats | None) -> QuantizedTensor:
    """One tensor by its assignment, or by the fallback that its notes tell.

    Raises:
        NumericsError: weights that its scheme cannot hold; the tensor is named.
    """
    try:
        return _quantized(one, checkpoint.tensors[one.name], stats)
    except NumericsError as error:
        raise NumericsError(f"{one.name}: {error}") from error


def _quantized(one: Assignment, weight: Tensor, stats: LayerStats | None) -> QuantizedTensor:
    options = one.options
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
