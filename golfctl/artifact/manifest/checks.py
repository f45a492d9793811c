"""What the fields of a manifest say about each other and about the file: pure functions, in the order of the spec."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate

from golfctl.artifact.constants import DTYPES, PREAMBLE_BYTES, Limits
from golfctl.artifact.format_rules import fail
from golfctl.artifact.manifest.grammars import check_names
from golfctl.artifact.manifest.values import Manifest, PartEntry, SectionEntry, TensorEntry

_AT = PREAMBLE_BYTES


def check_manifest(manifest: Manifest, sections_offset: int, file_bytes: int, limits: Limits) -> Manifest:
    """The manifest with section offsets filled in, once every rule from `identifier` to `tokenizer-section` holds."""
    check_names(manifest, _AT)
    _check_unique(manifest)
    _check_counts(manifest, limits)
    manifest = _place_sections(manifest, sections_offset, file_bytes)
    for section in manifest.sections:
        _check_stream_layout(section)
    _check_stream_references(manifest)
    _check_arrays(manifest, limits)
    _check_raw_lengths(manifest)
    total = sum(section.raw_bytes for section in manifest.sections)
    if total > limits.raw_bytes:
        fail("raw-size", "manifest (sections)", _AT, f"at most {limits.raw_bytes:,} bytes decoded", total)
    _check_tokenizer(manifest)
    return manifest


def _check_unique(manifest: Manifest) -> None:
    _unique("sections", (section.name for section in manifest.sections))
    _unique("tensors", (tensor.name for tensor in manifest.tensors))
    _unique("external", (file.name for file in manifest.external))
    _unique("requires", manifest.requires)
    for section in manifest.sections:
        _unique(f"files of section {section.name}", (file.path for file in section.files))
    for tensor in manifest.tensors:
        _unique(f"parts of {tensor.name}", (part.name for part in tensor.parts))


def _unique(what: str, names: Iterable[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            fail("unique", f"manifest ({what})", _AT, "each name once", f"{name!r} {times} times")


def _check_counts(manifest: Manifest, limits: Limits) -> None:
    _count("sections", len(manifest.sections), limits.sections)
    _count("tensors", len(manifest.tensors), limits.tensors)
    _count("external", len(manifest.external), limits.external_files)
    _count("streams", sum(len(section.streams) for section in manifest.sections), limits.streams)
    for section in manifest.sections:
        _count(f"files of section {section.name}", len(section.files), limits.files_per_section)
    for tensor in manifest.tensors:
        _count(f"parts of {tensor.name}", len(tensor.parts), limits.parts_per_tensor, least=1)
        for shape in (tensor.shape, *(part.shape for part in tensor.parts)):
            _count(f"axes of {tensor.name}", len(shape), limits.dimensions)


def _count(what: str, found: int, limit: int, least: int = 0) -> None:
    if not least <= found <= limit:
        fail("count", f"manifest ({what})", _AT, f"{least} to {limit:,}", found)


def _place_sections(manifest: Manifest, sections_offset: int, file_bytes: int) -> Manifest:
    ends = list(accumulate((section.bytes for section in manifest.sections), initial=sections_offset))
    if ends[-1] != file_bytes:
        fail(
            "section-layout",
            "sections",
            sections_offset,
            f"sections that end at {file_bytes:,}",
            f"an end at {ends[-1]:,}",
        )
    placed = tuple(replace(section, offset=at) for section, at in zip(manifest.sections, ends[:-1], strict=True))
    return replace(manifest, sections=placed)


def _check_stream_layout(section: SectionEntry) -> None:
    if section.kind != "tensors":
        return
    if sum(section.streams) != section.bytes or 0 in section.streams:
        expected = f"streams of at least 1 byte that sum to {section.bytes:,}"
        fail(
            "stream-layout", f"section {section.name!r}", section.offset, expected, f"a sum of {sum(section.streams):,}"
        )


def _check_stream_references(manifest: Manifest) -> None:
    streams = sum(len(section.streams) for section in manifest.sections)
    used: set[int] = set()
    for tensor in manifest.tensors:
        for part in tensor.parts:
            if part.stream >= streams:
                fail(
                    "stream-reference",
                    f"tensor {tensor.name!r} part {part.name!r}",
                    _AT,
                    f"one of {streams:,} streams",
                    part.stream,
                )
            used.add(part.stream)
    if len(used) != streams:
        fail("stream-reference", "manifest (tensors)", _AT, f"parts in all {streams:,} streams", f"{len(used):,} used")


def _check_arrays(manifest: Manifest, limits: Limits) -> None:
    for tensor in manifest.tensors:
        for part in tensor.parts:
            _check_part(tensor, part, limits)
        if 0 in tensor.shape:
            fail("shape", f"tensor {tensor.name!r}", _AT, "axes of at least 1", tensor.shape)
    if manifest.parameters > limits.weights:
        fail("shape", "manifest (tensors)", _AT, f"at most {limits.weights:,} weights", manifest.parameters)


def _check_part(tensor: TensorEntry, part: PartEntry, limits: Limits) -> None:
    where = f"tensor {tensor.name!r} part {part.name!r}"
    if part.dtype not in DTYPES:
        fail("dtype", where, _AT, f"one of {', '.join(DTYPES)}", part.dtype)
    if 0 in part.shape or part.raw_bytes > limits.raw_bytes:
        fail("shape", where, _AT, "axes of at least 1 within the size limit", part.shape)


def _check_raw_lengths(manifest: Manifest) -> None:
    raw_of_stream: Counter[int] = Counter()
    for tensor in manifest.tensors:
        for part in tensor.parts:
            raw_of_stream[part.stream] += part.raw_bytes
    first = 0
    for section in manifest.sections:
        if section.kind == "tensors":
            expected = sum(raw_of_stream[first + i] for i in range(len(section.streams)))
            first += len(section.streams)
        elif section.kind == "code":
            expected = sum(file.bytes for file in section.files)
        else:
            continue
        if section.raw_bytes != expected:
            fail("raw-length", f"section {section.name!r}", _AT, f"{expected:,} bytes", section.raw_bytes)


def _check_tokenizer(manifest: Manifest) -> None:
    embedded = [section for section in manifest.sections if section.kind == "tokenizer"]
    entry = manifest.tokenizer
    named = entry.section if entry is not None else None
    if [section.name for section in embedded] != ([] if named is None else [named]):
        expected = (
            "no section of kind tokenizer" if named is None else f"one section of kind tokenizer, named {named!r}"
        )
        fail("tokenizer-section", "manifest (tokenizer)", _AT, expected, [section.name for section in embedded])
    if entry is not None and embedded and embedded[0].raw_bytes != entry.bytes:
        fail("tokenizer-section", "manifest (tokenizer)", _AT, f"{entry.bytes:,} raw bytes", embedded[0].raw_bytes)
