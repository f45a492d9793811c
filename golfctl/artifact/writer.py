"""Writing an artifact: a draft to bytes that depend on nothing else, checked by the reader before they leave."""

from pathlib import Path

from golfctl.artifact.constants import MANIFEST_CODER_DEFAULT
from golfctl.artifact.draft import BlobSection, Draft, TensorSection
from golfctl.artifact.manifest.stored import compress_manifest
from golfctl.artifact.manifest.values import Manifest, PartEntry, SectionEntry, TensorEntry
from golfctl.artifact.preamble import build_preamble
from golfctl.artifact.reader import read_artifact
from golfctl.artifact.streams import streams_of
from golfctl.core.canonical import canonical_json, sha256_bytes
from golfctl.core.files import atomic_write

_PartKey = tuple[str, str]


def write_artifact(path: Path, draft: Draft) -> bytes:
    """Encode `draft`, write it to `path` atomically, and return the bytes.

    Raises:
        StorageError: the disk is full or refuses. ValueError, RuleError: as `encode_artifact`.
    """
    data = encode_artifact(draft)
    atomic_write(path, data)
    return data


def encode_artifact(draft: Draft, manifest_coder: int = MANIFEST_CODER_DEFAULT) -> bytes:
    """The bytes of the artifact that `draft` describes.

    Raises:
        ValueError: streams and tensors of the draft do not fit together (a caller's bug).
        RuleError: the draft breaks a rule of the format (a name, a limit, …).
    """
    payloads = [_payload(section) for section in draft.sections]
    manifest = _manifest(draft, payloads)
    _check_part_order(draft, manifest)
    text = canonical_json(manifest.to_json())
    stored = compress_manifest(text, manifest_coder)
    body = b"".join(payloads)
    data = build_preamble(manifest_coder, stored, len(text), len(body)) + stored + body
    read_artifact(data)
    return data


def _payload(section: TensorSection | BlobSection) -> bytes:
    if isinstance(section, TensorSection):
        return b"".join(stream.payload for stream in section.streams)
    return bytes(section.payload)


def _manifest(draft: Draft, payloads: list[bytes]) -> Manifest:
    tensors = _tensor_table(draft)
    raw_bytes = {
        (tensor.name, part.name): part.raw_bytes for tensor in tensors for part in tensor.parts
    }  # of every part
    return Manifest(
        model=draft.model,
        tensors=tensors,
        sections=tuple(_section(*pair, raw_bytes) for pair in zip(draft.sections, payloads, strict=True)),
        tokenizer=draft.tokenizer,
        evaluation=draft.evaluation,
        provenance=draft.provenance,
        annotations=draft.annotations,
        external=draft.external,
        requires=tuple(sorted(draft.requires)),
    )


def _tensor_table(draft: Draft) -> tuple[TensorEntry, ...]:
    stream_of = _stream_numbers(draft)
    table = []
    for tensor in draft.tensors:
        keys = [(tensor.name, part.name) for part in tensor.parts]
        missing = [key for key in keys if key not in stream_of]
        if missing:
            raise ValueError(f"part {missing[0]} is in no stream of the draft")
        parts = (
            PartEntry(part.name, part.dtype, tuple(part.shape), stream_of.pop(key))
            for part, key in zip(tensor.parts, keys, strict=True)
        )
        table.append(TensorEntry(tensor.name, tuple(tensor.shape), tensor.scheme, tuple(parts)))
    if stream_of:
        raise ValueError(f"streams hold parts of no tensor, or of a tensor given twice: {sorted(stream_of)[:3]}")
    return tuple(table)


def _stream_numbers(draft: Draft) -> dict[_PartKey, int]:
    sections = (section for section in draft.sections if isinstance(section, TensorSection))
    numbers: dict[_PartKey, int] = {}
    for number, stream in enumerate(stream for section in sections for stream in section.streams):
        for key in stream.parts:
            if key in numbers:
                raise ValueError(f"part {key} is in two streams of the draft")
            numbers[key] = number
    return numbers


def _section(section: TensorSection | BlobSection, payload: bytes, raw_bytes_of: dict[_PartKey, int]) -> SectionEntry:
    if isinstance(section, TensorSection):
        raw = sum(raw_bytes_of[key] for stream in section.streams for key in stream.parts)
        lengths = tuple(len(stream.payload) for stream in section.streams)
        return SectionEntry(
            section.name, section.kind, section.coder, len(payload), raw, sha256_bytes(payload), lengths
        )
    return SectionEntry(
        section.name, section.kind, section.coder, len(payload), section.raw_bytes, sha256_bytes(payload),
        files=section.files,
    )  # fmt: skip


def _check_part_order(draft: Draft, manifest: Manifest) -> None:
    """A reader splits a stream in tensor-table order, so the draft must have concatenated in that order."""
    given = [stream for section in draft.sections if isinstance(section, TensorSection) for stream in section.streams]
    for entry, stream in zip(streams_of(manifest), given, strict=True):
        order = tuple((tensor.name, part.name) for tensor, part in entry.holdings)
        if order != tuple(stream.parts):
            raise ValueError(f"stream {entry.number} holds {stream.parts[:3]}…, not in tensor-table order")
