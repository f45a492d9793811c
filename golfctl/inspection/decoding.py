"""Decoding the payloads of an artifact for inspection: stored symbols, tokenizer, code. Never imports torch."""

import hashlib
from collections.abc import Iterator

import numpy as np

from golfctl.artifact import Artifact, PartEntry, SectionEntry, TensorEntry
from golfctl.coding import decode, decode_bytes
from golfctl.core.decoding_rules import DecodingError
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import UsageError


def decoded_parts(
    artifact: Artifact, progress: Progress = SILENT
) -> Iterator[tuple[TensorEntry, PartEntry, np.ndarray]]:
    """Every part of every tensor, stream by stream; one decoded stream is held at a time.

    Raises:
        DecodingError: a stream does not decode to exactly what the manifest says, or its coder is unknown.
        DependencyError: the coder's library is not installed.
    """
    streams = list(artifact.streams())
    with progress.task("decoding", len(streams), "streams") as task:
        for stream in streams:
            try:
                array = decode(stream.section.coder, artifact.stream_payload(stream), stream.dtype, stream.shape)
            except DecodingError as error:
                raise error.at(
                    f"{artifact.path or 'artifact'}: stream {stream.index} of section {stream.section.name!r} "
                    f"at offset {stream.offset:,} does not decode"
                ) from error
            yield from stream.split(array)
            task.advance(1)


def decoded_blob(artifact: Artifact, section: SectionEntry) -> bytes:
    """The raw bytes of a tokenizer, code or extra section.

    Raises:
        DecodingError: it does not decode to exactly `raw_bytes`.
    """
    try:
        return decode_bytes(section.coder, bytes(artifact.payload(section)), section.raw_bytes)
    except DecodingError as error:
        place = f"{artifact.path or 'artifact'}: section {section.name!r} at offset {section.offset:,}"
        raise error.at(f"{place} does not decode") from error


def source_files(artifact: Artifact) -> dict[str, bytes]:
    """Embedded source files by path, in file order.

    Raises:
        UsageError: the artifact embeds no code. DecodingError: the section does not decode.
    """
    files: dict[str, bytes] = {}
    for section in artifact.manifest.sections:
        if section.kind == "code":
            data, start = decoded_blob(artifact, section), 0
            for file in section.files:
                files[file.path] = data[start : start + file.bytes]
                start += file.bytes
    if not files:
        raise UsageError(f"{artifact.path or 'the artifact'} embeds no code (`golfctl pack --code FILE` does that)")
    return files


def check_tokenizer(artifact: Artifact) -> None:
    """Raise `DecodingError` unless an embedded tokenizer has the digest that the manifest gives."""
    entry = artifact.manifest.tokenizer
    if entry is None or entry.section is None:
        return
    found = hashlib.sha256(decoded_blob(artifact, artifact.section(entry.section))).hexdigest()
    if found != entry.sha256:
        raise DecodingError(
            "tokenizer-digest",
            f"{artifact.path or 'artifact'}: the tokenizer in section {entry.section!r} has sha256 {found}, "
            f"the manifest says {entry.sha256}: do not trust the file",
        )
