"""What can be evaluated: a packed artifact, reloaded from its file, or a checkpoint for comparison."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from golfctl.core.canonical import sha256_file
from golfctl.errors import ArtifactError, CheckpointError, DataError, UsageError
from golfctl.model.weights.names import load_named_tensors
from golfctl.model.weights.new_model import empty_model
from golfctl.packing.checkpoint import read_checkpoint, training_length
from golfctl.packing.unpack import load_artifact


@dataclass(frozen=True)
class ScoredModel:
    """A model ready to be scored, and where it came from."""

    model: Any
    kind: str
    path: Path
    sha256: str
    vocab_size: int
    tokenizer_sha256: str | None
    seq_len: int | None
    stack: dict[str, Any]


def load_source(path: Path, device: torch.device) -> ScoredModel:
    """Load an artifact (`.golf`) or a checkpoint (`.safetensors`).

    Raises:
        UsageError: neither. InputError, ArtifactError, CheckpointError: missing or damaged.
    """
    if path.suffix == ".golf":
        return _artifact(path, device)
    if path.suffix == ".safetensors":
        return _checkpoint(path, device)
    raise UsageError(f"{path}: neither an artifact (.golf) nor a checkpoint (.safetensors)")


def _artifact(path: Path, device: torch.device) -> ScoredModel:
    loaded = load_artifact(path)
    entry = loaded.manifest.tokenizer
    stack = dict(loaded.eval_stack or {})
    return ScoredModel(
        model=_ready(loaded.model, device),
        kind="artifact",
        path=path,
        sha256=loaded.sha256,
        vocab_size=loaded.model.spec.vocab_size,
        tokenizer_sha256=entry.sha256 if entry else None,
        seq_len=training_length((loaded.manifest.provenance or {}).get("training"), path, ArtifactError),
        stack=stack,
    )


def _checkpoint(path: Path, device: torch.device) -> ScoredModel:
    checkpoint = read_checkpoint(path)
    model = empty_model(checkpoint.spec)
    load_named_tensors(model, checkpoint.tensors)
    return ScoredModel(
        model=_ready(model, device),
        kind="checkpoint",
        path=path,
        sha256=sha256_file(path),
        vocab_size=checkpoint.spec.vocab_size,
        tokenizer_sha256=checkpoint.tokenizer_digest or None,
        seq_len=training_length(checkpoint.provenance, path, CheckpointError),
        stack={},
    )


def _ready(model: Any, device: torch.device) -> Any:
    model.eval()
    model.requires_grad_(False)
    return model.to(device)


def check_tokenizer(source: ScoredModel, data_tokenizer_sha256: str, data: Path) -> None:
    """Refuse data that was cut by another tokenizer.

    Raises:
        DataError: the digests differ.
    """
    if source.tokenizer_sha256 and source.tokenizer_sha256 != data_tokenizer_sha256:
        raise DataError(
            f"{data}: cut by tokenizer {data_tokenizer_sha256[:12]}…, but {source.path} was trained with "
            f"{source.tokenizer_sha256[:12]}…; name its own data with --data"
        )
