"""Checkpoints: safetensors of float tensors by per-layer name, and one metadata key of canonical JSON.

A checkpoint says which network its tensors belong to (`spec`) and which tokenizer it was trained with (by digest);
the tokenizer itself lies beside it as `tokenizer.model`. Resuming needs more (optimizer, averages, position in the
data): that is a separate file of the run directory, see `golfctl/training/run/state.py`.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from golfctl.core.canonical import canonical_json, sha256_bytes
from golfctl.core.config import Config
from golfctl.core.files import atomic_write, check_regular, read_bytes
from golfctl.core.lfs import refuse_pointer_file
from golfctl.core.machine.places import opened_by_library
from golfctl.core.text import printable
from golfctl.errors import CheckpointError, ConfigError, GolfError
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import shapes_by_name
from golfctl.packing.safetensors_header import read_file_header

FORMAT = "golfctl-checkpoint/1"
METADATA_KEY = "golfctl"
TOKENIZER_FILE = "tokenizer.model"
_DTYPES = (torch.float32, torch.bfloat16)
_STORED = {"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"}  # in any safetensors file of golfctl
_TOKENIZER_LIMIT_BYTES = 1 << 26
_LONGEST_TRAINING = 1 << 24


class _Header(Config):
    format: str
    spec: dict[str, Any]
    tokenizer_digest: str
    step: int
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """A model's weights, unquantised, and where they come from.

    `tensors` maps per-layer names to CPU tensors (fp32 or bf16) and holds exactly the names and shapes that `spec`
    asks for. `tokenizer` is the SentencePiece file, empty when none was found beside the checkpoint.
    """

    spec: ModelSpec
    tensors: dict[str, torch.Tensor]
    tokenizer: bytes = b""
    step: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    tokenizer_digest: str = ""

    def __post_init__(self) -> None:
        """Fill in the tokenizer's digest."""
        if self.tokenizer and not self.tokenizer_digest:
            object.__setattr__(self, "tokenizer_digest", sha256_bytes(self.tokenizer))


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` atomically; equal checkpoints give equal bytes. The tokenizer is named, not included.

    Raises:
        CheckpointError: the tensors are not those of the spec, or not finite. StorageError: the disk refuses.
    """
    check_tensors(checkpoint.tensors, checkpoint.spec, str(path))
    header = _Header(
        format=FORMAT,
        spec=checkpoint.spec.to_dict(),
        tokenizer_digest=checkpoint.tokenizer_digest,
        step=checkpoint.step,
        provenance=checkpoint.provenance,
    )
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(checkpoint.tensors.items())}
    metadata = {METADATA_KEY: canonical_json(header.to_dict()).decode("utf-8")}
    atomic_write(path, safetensors.torch.save(tensors, metadata))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and check a checkpoint; the tokenizer is taken from `tokenizer.model` in the same folder when it is there.

    Raises:
        InputError: no such file. CheckpointError: truncated, not a checkpoint, a tensor is missing, unknown or of
        another shape (the first such tensor is named, with the shape expected and the shape found), or the tokenizer
        beside it is another one.
    """
    path = Path(path)
    metadata, tensors = read_safetensors(path)
    header = _header(path, metadata)
    try:
        spec = ModelSpec.from_dict(header.spec, f"{path}: model spec")
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    check_tensors(tensors, spec, str(path))
    tokenizer = _tokenizer_beside(path, header.tokenizer_digest)
    return Checkpoint(spec, tensors, tokenizer, header.step, header.provenance, header.tokenizer_digest)


def training_length(provenance: Any, where: Path | str, damaged: type[GolfError]) -> int | None:
    """Tokens of a training sequence, of which a file's provenance tells; None where it does not.

    Raises:
        `damaged`: what it tells is no length that a model is trained at.
    """
    value = provenance.get("sequence_length") if isinstance(provenance, dict) else None
    if value is not None and (type(value) is not int or not 1 <= value <= _LONGEST_TRAINING):
        raise damaged(f"{where}: its provenance tells of training on {str(value)[:40]} tokens at a time: make it again")
    return value


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """All metadata and tensors (on CPU) of a safetensors file.

    Raises:
        InputError: no such file, a pipe or device, or a git-LFS pointer.
        CheckpointError: truncated, not safetensors, or of a type that no file of golfctl has.
    """
    check_regular(path)
    refuse_pointer_file(path)
    header = read_file_header(path)
    for name, entry in header.entries.items():
        if entry.dtype not in _STORED:
            what = f"holds {entry.dtype} ({entry.element}), a type that no file of golfctl has"
            raise CheckpointError(f"{path}: tensor {printable(name)} {what}")
    try:
        with opened_by_library(path) as file, safetensors.safe_open(file, framework="pt", device="cpu") as stream:
            return header.metadata, {name: stream.get_tensor(name).clone() for name in header.entries}
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is truncated or not a safetensors file: {error}") from error


def check_tensors(tensors: dict[str, torch.Tensor], spec: ModelSpec, where: str) -> None:
    """Raise CheckpointError unless `tensors` are exactly the finite fp32 or bf16 tensors that `spec` asks for."""
    expected = shapes_by_name(spec)
    for name in sorted(expected.keys() - tensors.keys()):
        raise CheckpointError(f"{where}: tensor {name} {list(expected[name])} is missing; the model spec asks for it")
    for name in sorted(tensors.keys() - expected.keys()):
        raise CheckpointError(
            f"{where}: tensor {printable(name)} {list(tensors[name].shape)} is not part of the model spec"
        )
    for name, tensor in sorted(tensors.items()):
        if tuple(tensor.shape) != tuple(expected[name]):
            raise CheckpointError(
                f"{where}: tensor {name} has shape {list(tensor.shape)}, the model spec expects {list(expected[name])}"
            )
        if tensor.dtype not in _DTYPES:
            raise CheckpointError(f"{where}: tensor {name} has type {tensor.dtype}; checkpoints hold fp32 or bf16")
        if not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"{where}: tensor {name} holds NaN or infinity; take an earlier checkpoint")


def _header(path: Path, metadata: dict[str, str]) -> _Header:
    if METADATA_KEY not in metadata:
        raise CheckpointError(f"{path} is no golfctl checkpoint (no {METADATA_KEY!r} metadata); see `golfctl import`")
    try:
        header = _Header.from_dict(json.loads(metadata[METADATA_KEY]), f"{path}: metadata")
    except (ValueError, RecursionError, ConfigError) as error:
        raise CheckpointError(f"{path}: bad metadata: {error}") from error
    if header.format != FORMAT:
        raise CheckpointError(f"{path} has format {printable(header.format)!r}; this version reads {FORMAT!r}")
    return header


def _tokenizer_beside(path: Path, digest: str) -> bytes:
    beside = path.parent / TOKENIZER_FILE
    if not digest or not beside.is_file():
        return b""
    tokenizer = read_bytes(beside, _TOKENIZER_LIMIT_BYTES)
    if sha256_bytes(tokenizer) != digest:
        raise CheckpointError(
            f"{beside} is another tokenizer than {path.name} was trained with: put the run's own tokenizer.model back"
        )
    return tokenizer
