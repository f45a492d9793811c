"""`golfctl import`: a checkpoint or artifact of the reference programs becomes one of golfctl's.

Pickled code is never run: see `pickle_reader`. Quantised files keep their codes and scales, so the artifact holds
exactly the numbers the original program would score with.
"""

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import golfctl
from golfctl.artifact import encode_artifact
from golfctl.artifact.replacing import replaceable
from golfctl.core.canonical import sha256_bytes
from golfctl.core.config import apply_overrides
from golfctl.core.files import atomic_write, read_bytes
from golfctl.core.progress import SILENT, Progress
from golfctl.core.text import printable
from golfctl.errors import CheckpointError, UsageError
from golfctl.importing.elements import float_values
from golfctl.importing.layouts import Imported
from golfctl.importing.source import ForeignFile, read_source
from golfctl.importing.spec_from_shapes import Inferred, infer_model
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import roles_by_name, shapes_by_name
from golfctl.packing.assignment import Assignment, group_of
from golfctl.packing.checkpoint import TOKENIZER_FILE, Checkpoint, check_tensors, write_checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.drafting import draft_artifact, tensor_sections
from golfctl.packing.sections import fallback_notes
from golfctl.quant import QuantizedTensor, dequantize

_TOKENIZER_LIMIT_BYTES = 1 << 26


class ImportChoices(NamedTuple):
    """What the user says about a file.

    model: the `[model]` table; None: infer it. overrides: of that table. skip: tensors to leave out, as name patterns.
    form: checkpoint or artifact; None: artifact if quantised. coder: of an artifact; None: auto.
    """

    model: dict[str, Any] | None = None
    overrides: Sequence[str] = ()
    tokenizer: Path | None = None
    skip: Sequence[str] = ()
    form: str | None = None
    coder: str | None = None


class ImportResult(NamedTuple):
    """What was written; `assumed` lists settings that nobody gave and no shape shows, `left_out` what was dropped."""

    path: Path
    form: str
    layout: str
    layers: list[str]
    tensors: int
    parameters: int
    quantized: int
    model: dict[str, Any]
    assumed: list[str]
    left_out: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as `golfctl import --json` prints them."""
        return {**self._asdict(), "path": str(self.path)}


def import_file(source: Path, choices: ImportChoices, out: Path | None, progress: Progress = SILENT) -> ImportResult:
    """Read `source`, infer or take its model spec, and write a checkpoint or an artifact.

    Raises:
        InputError: no such file. CheckpointError: damaged or hostile. Others as `import_read`.
    """
    return import_read(read_source(source), choices, out, progress)


def import_read(found: ForeignFile, choices: ImportChoices, out: Path | None, progress: Progress) -> ImportResult:
    """Infer or take the model spec of a file that was read, and write a checkpoint or an artifact.

    Raises:
        CheckpointError: it holds tensors golfctl has no place for. ConfigError: the given model table is wrong.
        UsageError: a choice without effect.
    """
    source, imported, peeled = found
    imported, skipped = _without(imported, choices.skip)
    spec, assumed = _spec(imported, choices, str(source))
    _check(imported, spec, str(source))
    floats = {name: float_values(array, name, str(source)) for name, array in imported.floats.items()}
    imported = imported._replace(floats=floats)
    form = choices.form or ("artifact" if imported.quantized else "checkpoint")
    if form == "artifact" and not imported.quantized:
        raise UsageError(f"{source} holds no quantised tensors: import it as a checkpoint, then `golfctl pack` it")
    tokenizer = read_bytes(choices.tokenizer, _TOKENIZER_LIMIT_BYTES) if choices.tokenizer else b""
    if form == "checkpoint" and choices.coder:
        raise UsageError(f"--coder {choices.coder} has no effect on a checkpoint; drop it or add --as artifact")
    target = out or Path(source.name.split(".")[0] + (".golf" if form == "artifact" else ".golfctl.safetensors"))
    if target.resolve() == source.resolve():
        raise UsageError(f"{source} would overwrite itself: name another file with -o")
    origin = {"imported": {"sha256": peeled.sha256(), "layout": imported.layout, "layers": peeled.layers}}
    if form == "artifact":
        _write_artifact(target, imported, spec, tokenizer, choices.coder or "auto", origin, progress)
    else:
        _write_checkpoint(target, imported, spec, tokenizer, origin)
    shapes = imported.shapes
    return ImportResult(
        target, form, imported.layout, peeled.layers, len(shapes), sum(int(np.prod(s)) for s in shapes.values()),
        len(imported.quantized), spec.to_dict(), assumed, sorted([*imported.left_out, *skipped]),
    )  # fmt: skip


def _without(imported: Imported, patterns: Sequence[str]) -> tuple[Imported, list[str]]:
    """Drop the tensors the user names; a pattern that fits nothing is an error."""
    names = list(imported.shapes)
    skipped: set[str] = set()
    for pattern in patterns:
        found = fnmatch.filter(names, pattern)
        if not found:
            raise UsageError(f"--skip {pattern}: no tensor has such a name")
        skipped.update(found)
    floats = {name: array for name, array in imported.floats.items() if name not in skipped}
    quantized = {name: tensor for name, tensor in imported.quantized.items() if name not in skipped}
    return imported._replace(floats=floats, quantized=quantized), sorted(skipped)


def _spec(imported: Imported, choices: ImportChoices, where: str) -> tuple[ModelSpec, list[str]]:
    if choices.model is not None:
        inferred = Inferred(choices.model, [])
    else:
        inferred = infer_model(imported.shapes, where)
    values = apply_overrides({"model": inferred.values}, choices.overrides)["model"]
    given = {override.partition("=")[0].strip().removeprefix("model.") for override in choices.overrides}
    assumed = [setting for setting in inferred.assumed if not any(_covers(key, setting) for key in given)]
    return ModelSpec.from_dict(values, f"{where}: [model]"), assumed


def _covers(key: str, setting: str) -> bool:
    """Whether an override of `key` answers an assumed setting."""
    return setting.startswith(key) or key.startswith(setting.split(" ")[0])


def _check(imported: Imported, spec: ModelSpec, where: str) -> None:
    """The file's tensors are exactly the spec's; every stranger is named."""
    shapes, expected = imported.shapes, shapes_by_name(spec)
    strangers = sorted(set(shapes) - set(expected))
    if strangers:
        listed = ", ".join(f"{printable(name)} {list(shapes[name])}" for name in strangers[:8])
        more = f" and {len(strangers) - 8} more" if len(strangers) > 8 else ""
        raise CheckpointError(
            f"{where}: golfctl's model has no place for {listed}{more}; give the right [model] with --model, or leave "
            "them out with --skip NAME (the model is then another one)"
        )
    for name, shape in sorted(expected.items()):
        if tuple(shapes.get(name, ())) != tuple(shape) or name not in shapes:
            found = f"has shape {list(shapes[name])}" if name in shapes else "is missing"
            raise CheckpointError(f"{where}: tensor {name} {found}; the model spec expects {list(shape)}")


def _write_checkpoint(
    target: Path, imported: Imported, spec: ModelSpec, tokenizer: bytes, origin: dict[str, Any]
) -> None:
    arrays = {name: array.astype(np.float32) for name, array in imported.floats.items()}
    arrays |= {
        name: dequantize(tensor.scheme, tensor.shape, tensor.parts) for name, tensor in imported.quantized.items()
    }
    tensors = {name: torch.from_numpy(np.array(array, order="C")) for name, array in arrays.items()}
    check_tensors(tensors, spec, str(target))
    beside = target.parent / TOKENIZER_FILE
    if tokenizer and beside.is_file() and read_bytes(beside, _TOKENIZER_LIMIT_BYTES) != tokenizer:
        raise UsageError(f"{beside} is another tokenizer: write the checkpoint to a folder of its own with -o")
    write_checkpoint(target, Checkpoint(spec, tensors, tokenizer, provenance=origin))
    if tokenizer:
        atomic_write(beside, tokenizer)


def _write_artifact(
    target: Path,
    imported: Imported,
    spec: ModelSpec,
    tokenizer: bytes,
    coder: str,
    origin: dict[str, Any],
    progress: Progress,
) -> None:
    replaced = replaceable(target)
    roles = roles_by_name(spec)
    stored = imported.quantized | {name: _float_tensor(array) for name, array in imported.floats.items()}
    quantized = {name: stored[name] for name in roles}
    assignments = [
        Assignment(name, role, group_of(name, role), quantized[name].scheme, None) for name, role in roles.items()
    ]
    sections = tensor_sections(assignments, quantized, coder, progress)
    for note in fallback_notes(sections, coder):
        progress.say(f"note: {note}")
    checkpoint = Checkpoint(spec, {}, tokenizer)
    provenance = {**origin, "golfctl": golfctl.__version__}
    draft = draft_artifact(checkpoint, assignments, quantized, sections, PackConfig(), None, provenance)
    data = encode_artifact(draft)
    atomic_write(target, data)
    if replaced:
        progress.say(f"note: {replaced.note(target, len(data), sha256_bytes(data))}")


def _float_tensor(array: np.ndarray) -> QuantizedTensor:
    """fp16 where it was fp16, else fp32."""
    values = np.ascontiguousarray(array).reshape(array.shape)
    return QuantizedTensor(f"fp{8 * values.itemsize}/1", array.shape, {"values": values})
