"""Reading an artifact: parse, limit, validate, and only then hand out bytes.

No plug-in, no decoding of a payload and no third-party library is needed for anything here.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from golfctl.artifact.constants import PREAMBLE_BYTES, PREDICTED_CODER, Limits
from golfctl.artifact.format_rules import RuleError, fail
from golfctl.artifact.manifest.checks import check_manifest
from golfctl.artifact.manifest.fields import read_manifest
from golfctl.artifact.manifest.json_text import parse_json
from golfctl.artifact.manifest.stored import decompress_manifest
from golfctl.artifact.manifest.values import Manifest, SectionEntry
from golfctl.artifact.preamble import Preamble, check_length, check_seal, parse_preamble
from golfctl.artifact.streams import StreamEntry, prediction_work, streams_of
from golfctl.core.canonical import sha256_bytes
from golfctl.core.files import check_regular, read_errors
from golfctl.core.lfs import refuse_pointer, refuse_pointer_file
from golfctl.errors import ArtifactError

_DEFAULT_LIMITS = Limits()


class Artifact:
    """A whole, checked artifact in memory."""

    def __init__(self, data: bytes, preamble: Preamble, manifest: Manifest, path: Path | None = None) -> None:
        self._data, self.preamble, self.manifest, self.path = memoryview(data), preamble, manifest, path

    @property
    def file_bytes(self) -> int:
        """Length of the file."""
        return len(self._data)

    @property
    def data(self) -> bytes:
        """The whole file."""
        return bytes(self._data)

    @property
    def sha256(self) -> str:
        """SHA-256 of the whole file."""
        return sha256_bytes(self._data)

    def section(self, name: str) -> SectionEntry:
        """The section called `name`; raises `ArtifactError` when there is none."""
        section = self.manifest.section(name)
        if section is None:
            known = ", ".join(section.name for section in self.manifest.sections) or "none"
            raise ArtifactError(f"{self.path or 'artifact'}: no section {name!r}; it has: {known}")
        return section

    def payload(self, section: SectionEntry) -> memoryview:
        """The stored bytes of a section."""
        return self._data[section.offset : section.offset + section.bytes]

    def streams(self) -> Iterator[StreamEntry]:
        """Every stream of the tensors, in file order."""
        return streams_of(self.manifest)

    def stream_payload(self, stream: StreamEntry) -> memoryview:
        """The stored bytes of a stream."""
        return self._data[stream.offset : stream.offset + stream.bytes]


def open_artifact(path: Path, limits: Limits = _DEFAULT_LIMITS) -> Artifact:
    """Read and check the artifact at `path`: every rule of the format, section digests included.

    Raises:
        InputError: missing or unreadable file, or a git-LFS pointer. RuleError: the first broken rule.
    """
    path = Path(path)
    with _named(path):
        data = _read_file(path, limits)
    return read_artifact(data, limits, path)


def read_artifact(data: bytes, limits: Limits = _DEFAULT_LIMITS, path: Path | None = None) -> Artifact:
    """Check the bytes of an artifact; `path` says where they come from.

    Raises:
        InputError: the bytes are a git-LFS pointer. RuleError: the first broken rule.
    """
    refuse_pointer(data, str(path or "artifact"))
    with _named(path):
        return _check(data, limits, path)


@contextlib.contextmanager
def _named(path: Path | None) -> Iterator[None]:
    """A rule that is broken inside names the file."""
    try:
        yield
    except RuleError as error:
        error.source = "" if path is None else str(path)
        raise


def _check(data: bytes, limits: Limits, path: Path | None) -> Artifact:
    head = data[:PREAMBLE_BYTES]
    preamble = parse_preamble(head, limits)
    check_length(preamble, len(data))
    sections_offset = PREAMBLE_BYTES + preamble.manifest_bytes
    stored = memoryview(data)[PREAMBLE_BYTES:sections_offset]
    check_seal(preamble, head, stored)
    text = decompress_manifest(stored, preamble.manifest_coder, preamble.manifest_raw_bytes)
    manifest = read_manifest(parse_json(text, limits))
    manifest = check_manifest(manifest, sections_offset, len(data), limits)
    artifact = Artifact(data, preamble, manifest, path)
    for section in manifest.sections:
        _check_digest(artifact, section)
    _check_work(manifest, limits)
    return artifact


def _check_digest(artifact: Artifact, section: SectionEntry) -> None:
    found = hashlib.sha256(artifact.payload(section)).hexdigest()
    if found != section.sha256:
        fail("section-digest", f"section {section.name!r}", section.offset, section.sha256, found)


def _check_work(manifest: Manifest, limits: Limits) -> None:
    """Rule `prediction-work`."""
    predicted = [stream for stream in streams_of(manifest) if stream.section.coder == PREDICTED_CODER]
    work = sum(prediction_work(stream.shape) for stream in predicted)
    if work > limits.prediction_work:
        expected = f"rows × columns² of at most {limits.prediction_work:,} under {PREDICTED_CODER}"
        fail("prediction-work", "manifest (sections)", PREAMBLE_BYTES, expected, work)


def _read_file(path: Path, limits: Limits) -> bytes:
    """The whole file; one whose preamble already says no is not read further."""
    size = check_regular(path).st_size
    refuse_pointer_file(path)
    with read_errors(path), path.open("rb") as stream:
        head = stream.read(PREAMBLE_BYTES)
        preamble = parse_preamble(head, limits)
        check_length(preamble, size)
        stream.seek(0)
        return stream.read(preamble.file_bytes)
