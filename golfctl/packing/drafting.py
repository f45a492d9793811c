"""Quantised tensors, tokenizer, code and provenance to the draft of an artifact."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from golfctl.artifact import (
    BlobSection,
    CodeFile,
    Draft,
    ExternalFile,
    Limits,
    Part,
    Tensor,
    TensorSection,
    TokenizerEntry,
)
from golfctl.coding import CoderChoice, encode_bytes, parse_coder
from golfctl.core.canonical import sha256_bytes
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import UsageError
from golfctl.packing.assignment import Assignment
from golfctl.packing.checkpoint import Checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.run_context import read_source
from golfctl.packing.sections import NamedPart, code_section, section_work
from golfctl.quant import QuantizedTensor

CODES = ("codes", "trits")
_LARGE_FLOATS = 1 << 16
_BLOB_CODERS = (CoderChoice("raw/1", {}), CoderChoice("lzma/1", {"preset": 9}), CoderChoice("zlib/1", {"level": 9}))
_AUTO = CoderChoice("auto", {})


def tensor_sections(
    assignments: Sequence[Assignment],
    quantized: Mapping[str, QuantizedTensor],
    coder: str,
    progress: Progress = SILENT,
) -> tuple[TensorSection, ...]:
    """All tensors as at most four sections: codes of matrices, of embeddings and heads, large floats, all the rest.

    Codes stand apart from floats, since a coder must take every part of its section. Embeddings are the first to get
    predictions, which pay for them most; the matrices may use what they leave of the format's limit.
    """
    choice = parse_coder(coder)
    bins: dict[str, list[NamedPart]] = {"matrices": [], "embeddings": [], "floats": [], "small": []}
    for one in assignments:
        for part, array in quantized[one.name].parts.items():
            bins[_bin(one, part, array)].append(NamedPart(one.name, part, array))
    bins = {name: parts for name, parts in bins.items() if parts}
    coded: dict[str, TensorSection] = {}
    work_left = Limits().prediction_work
    for name in sorted(bins, key=lambda name: name != "embeddings"):
        coded[name] = code_section(name, bins[name], choice, work_left, progress)
        work_left -= section_work(coded[name], bins[name])
    return tuple(coded[name] for name in bins)


def _bin(one: Assignment, part: str, array: np.ndarray) -> str:
    if array.dtype.kind == "f":
        return "floats" if array.size >= _LARGE_FLOATS else "small"
    if part not in CODES and array.ndim < 2:
        return "small"
    return "embeddings" if one.role in ("embedding", "head") else "matrices"


def draft_artifact(
    checkpoint: Checkpoint,
    assignments: Sequence[Assignment],
    quantized: Mapping[str, QuantizedTensor],
    sections: Sequence[TensorSection],
    config: PackConfig,
    evaluation: dict[str, Any] | None,
    origin: dict[str, Any],
) -> Draft:
    """Everything an artifact holds, ready for `golfctl.artifact.encode_artifact`."""
    tokenizer, tokenizer_sections = _tokenizer(checkpoint, config.slim)
    return Draft(
        model=checkpoint.spec.to_dict(),
        tensors=tuple(_tensor(one.name, quantized[one.name]) for one in assignments),
        sections=(*sections, *tokenizer_sections, *_code(config.code)),
        tokenizer=tokenizer,
        evaluation=None if config.slim else evaluation,
        provenance=None if config.slim else origin,
        external=tuple(_external(path) for path in config.external),
    )


def _tensor(name: str, quantized: QuantizedTensor) -> Tensor:
    parts = tuple(Part(part, array.dtype.name, array.shape) for part, array in quantized.parts.items())
    return Tensor(name, quantized.shape, quantized.scheme, parts)


def _tokenizer(checkpoint: Checkpoint, slim: bool) -> tuple[TokenizerEntry | None, tuple[BlobSection, ...]]:
    data = checkpoint.tokenizer
    if not data:
        return None, ()
    entry = TokenizerEntry("sentencepiece/1", sha256_bytes(data), len(data), None if slim else "tokenizer")
    return entry, () if slim else (_blob("tokenizer", "tokenizer", data),)


def _code(paths: Sequence[str]) -> tuple[BlobSection, ...]:
    if not paths:
        return ()
    sources = {Path(path).name: read_source(path) for path in paths}
    if len(sources) != len(paths):
        raise UsageError(f"--code: two files share one name among {', '.join(paths)}")
    files = tuple(CodeFile(name, len(data)) for name, data in sources.items())
    return (_blob("code", "code", b"".join(sources.values()), files),)


def _external(path: str) -> ExternalFile:
    data = read_source(path)
    return ExternalFile(Path(path).name, len(data), sha256_bytes(data))


def _blob(name: str, kind: str, data: bytes, files: tuple[CodeFile, ...] = ()) -> BlobSection:
    coded = [(choice.coder_id, encode_bytes(choice.coder_id, data, **choice.options)) for choice in _BLOB_CODERS]
    coder, payload = min(coded, key=lambda one: len(one[1]))
    return BlobSection(name=name, kind=kind, coder=coder, payload=payload, raw_bytes=len(data), files=files)
