"""An artifact back to a model: parse, check against the model spec, then decode."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from golfctl.artifact import Artifact, Manifest, open_artifact
from golfctl.coding import decode, decode_bytes
from golfctl.core.canonical import sha256_bytes
from golfctl.core.progress import SILENT, Progress
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.errors import ArtifactError, ConfigError
from golfctl.model.network import LanguageModel
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import load_named_tensors, shapes_by_name
from golfctl.model.weights.new_model import empty_model
from golfctl.quant import QuantizedTensor, dequantize, part_specs


@dataclass(frozen=True)
class LoadedArtifact:
    """A model ready to score with, and what came with it.

    `tokenizer` is None where the artifact names one by digest only (`manifest.tokenizer`) or has none.
    """

    model: LanguageModel
    tokenizer: Tokenizer | None
    manifest: Manifest
    artifact: Artifact
    sha256: str
    eval_stack: dict[str, Any]


def load_artifact(path: Path, progress: Progress = SILENT) -> LoadedArtifact:
    """Read, check and decode an artifact into a model on the CPU, in fp32 and evaluation mode.

    Raises:
        InputError: no such file. ArtifactError: damaged, or its tensors are not those of its model spec.
    """
    return unpack(open_artifact(path), progress)


def unpack(artifact: Artifact, progress: Progress = SILENT) -> LoadedArtifact:
    """`load_artifact` of an artifact that was read already."""
    spec = model_spec(artifact)
    check_tensor_table(artifact.manifest, spec)
    model = empty_model(spec)
    with progress.task("decoding", len(artifact.manifest.tensors), "tensor") as task:
        tensors = {}
        for name, quantized in decode_parts(artifact).items():
            tensors[name] = torch.from_numpy(dequantize(quantized.scheme, quantized.shape, quantized.parts))
            task.advance()
    load_named_tensors(model, tensors)
    model.eval()
    return LoadedArtifact(
        model,
        load_tokenizer(artifact),
        artifact.manifest,
        artifact,
        artifact.sha256,
        artifact.manifest.evaluation or {},
    )


def model_spec(artifact: Artifact) -> ModelSpec:
    """The model spec of an artifact; ArtifactError when this version cannot build it."""
    try:
        return ModelSpec.from_dict(artifact.manifest.model, "model spec of the artifact")
    except ConfigError as error:
        raise ArtifactError(f"{artifact.path or 'artifact'}: {error}") from error


def check_tensor_table(manifest: Manifest, spec: ModelSpec) -> None:
    """Raise ArtifactError unless the table holds exactly the spec's tensors, each with the parts of its scheme."""
    expected = shapes_by_name(spec)
    found = {tensor.name: tensor for tensor in manifest.tensors}
    for name in sorted(expected.keys() ^ found.keys()):
        problem = "is missing" if name in expected else "is not part of the model spec"
        raise ArtifactError(f"tensor {name} {problem}; the artifact contradicts itself")
    for name, tensor in found.items():
        if tuple(tensor.shape) != tuple(expected[name]):
            raise ArtifactError(
                f"tensor {name} has shape {list(tensor.shape)}; its model spec says {list(expected[name])}"
            )
        specs = part_specs(tensor.scheme, tensor.shape)
        stored = {part.name: part for part in tensor.parts}
        if set(stored) != set(specs):
            raise ArtifactError(f"tensor {name}: {tensor.scheme} has parts {sorted(specs)}, not {sorted(stored)}")
        for part, wanted in specs.items():
            if stored[part].dtype not in wanted.dtypes or tuple(stored[part].shape) != wanted.shape:
                raise ArtifactError(f"tensor {name}: part {part!r} of {tensor.scheme} must be {wanted}")


def decode_parts(artifact: Artifact) -> dict[str, QuantizedTensor]:
    """Codes and side parameters of every tensor, in the table's order; ArtifactError for a damaged payload."""
    parts: dict[str, dict[str, np.ndarray]] = {tensor.name: {} for tensor in artifact.manifest.tensors}
    for view in artifact.streams():
        array = decode(view.section.coder, artifact.stream_payload(view), view.dtype, view.shape)
        for tensor, part, value in view.split(array):
            parts[tensor.name][part.name] = value
    return {
        tensor.name: QuantizedTensor(
            tensor.scheme, tuple(tensor.shape), {part.name: parts[tensor.name][part.name] for part in tensor.parts}
        )
        for tensor in artifact.manifest.tensors
    }


def load_tokenizer(artifact: Artifact) -> Tokenizer | None:
    """The embedded tokenizer, or None.

    Raises:
        ArtifactError: its digest is not the one the manifest states. DataError: it is no tokenizer.
    """
    entry = artifact.manifest.tokenizer
    if entry is None or entry.section is None:
        return None
    section = artifact.section(entry.section)
    data = decode_bytes(section.coder, artifact.payload(section), section.raw_bytes)
    if sha256_bytes(data) != entry.sha256:
        raise ArtifactError("the embedded tokenizer is not the one the manifest names (its digest does not match)")
    return Tokenizer.from_bytes(data, where="the artifact's tokenizer")
