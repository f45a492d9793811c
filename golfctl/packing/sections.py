"""Parts of quantised tensors to the coded sections of an artifact.

Codes of matrices and of embeddings are a section each, everything small (scales, gains) a third one. A matrix has a
stream of its own, so that its bytes are known exactly; small parts of one dtype share a stream.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from golfctl.artifact import PREDICTED_CODER, Limits, SectionEntry, Stream, TensorSection, prediction_work
from golfctl.coding import CoderChoice, accepts, candidates, encode, parse_coder
from golfctl.core.progress import SILENT, Progress

_SMALL_CODERS = [CoderChoice("raw/1", {}), CoderChoice("lzma/1", {"preset": 9}), CoderChoice("zlib/1", {"level": 9})]
UNPREDICTED = CoderChoice("rans/1", {})


class NamedPart(NamedTuple):
    """One part of one tensor."""

    tensor: str
    part: str
    array: np.ndarray


def code_section(
    name: str, parts: Sequence[NamedPart], choice: CoderChoice, work_limit: int, progress: Progress = SILENT
) -> TensorSection:
    """Code `parts` (in tensor-table order) as one section with `choice`, or with the best of its list for `auto`.

    Parts that the chosen coder cannot take make the whole section fall back to the best plain byte coder; predictions
    that would cost a reader more than `work_limit`, to the same coder without predictions.
    """
    largest = max(parts, key=lambda part: part.array.size).array
    brotli = bool(choice.options.get("brotli"))
    listed = candidates(largest.dtype, largest.shape, brotli) if choice.coder_id == "auto" else [choice]
    if _work(parts) > work_limit:
        listed = [UNPREDICTED if c.coder_id == PREDICTED_CODER else c for c in listed]
    usable = [c for c in listed if all(accepts(c.coder_id, p.array.dtype, p.array.shape) for p in parts)]
    coded = []
    with progress.task(f"coding {name}", len(usable or _SMALL_CODERS), "coder") as task:
        for candidate in usable or _SMALL_CODERS:
            coded.append(_code(name, parts, candidate))
            task.advance(1, coder=candidate.coder_id, bytes=str(section_bytes(coded[-1])))
    return min(coded, key=section_bytes)


def section_work(section: TensorSection, parts: Sequence[NamedPart]) -> int:
    """What the section takes of the limit on `prediction_work` of its file."""
    return _work(parts) if section.coder == PREDICTED_CODER else 0


def fallback_notes(sections: Iterable[TensorSection | SectionEntry], coder: str) -> list[str]:
    """Of the sections that `coder` was to predict: those that would have cost a reader more than the format allows."""
    if parse_coder(coder).coder_id != PREDICTED_CODER:
        return []
    reason = f"a file may cost a reader no more than {Limits().prediction_work:,} (docs/format/v1.md, 8.1)"
    return [
        f"section {section.name}: {UNPREDICTED.coder_id} instead of {PREDICTED_CODER}: {reason}"
        for section in sections
        if section.coder == UNPREDICTED.coder_id
    ]


def _work(parts: Sequence[NamedPart]) -> int:
    return sum(prediction_work(part.array.shape) for part in parts)


def section_bytes(section: TensorSection) -> int:
    """Coded bytes of a section."""
    return sum(len(stream.payload) for stream in section.streams)


def _code(name: str, parts: Sequence[NamedPart], choice: CoderChoice) -> TensorSection:
    streams = [
        Stream(
            payload=encode(choice.coder_id, joined(bunch), **choice.options),
            parts=tuple((part.tensor, part.part) for part in bunch),
        )
        for bunch in _bunches(parts)
    ]
    return TensorSection(name=name, coder=choice.coder_id, streams=tuple(streams))


def joined(parts: Sequence[NamedPart]) -> np.ndarray:
    """What one stream holds: a single part as it is, several parts of one dtype end to end."""
    if len(parts) == 1:
        return parts[0].array
    return np.concatenate([part.array.ravel() for part in parts])


def _bunches(parts: Sequence[NamedPart]) -> list[list[NamedPart]]:
    """Matrices alone, everything else by dtype."""
    bunches: dict[str, list[NamedPart]] = {}
    for part in parts:
        own = f"{part.tensor} {part.part}" if part.array.ndim > 1 else part.array.dtype.name
        bunches.setdefault(own, []).append(part)
    return list(bunches.values())
