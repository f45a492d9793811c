"""Streams: where the coded arrays lie, and how each is decoded as one array and split into parts."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from golfctl.artifact.manifest.values import Manifest, PartEntry, SectionEntry, TensorEntry

Holding = tuple[TensorEntry, PartEntry]


@dataclass(frozen=True)
class StreamEntry:
    """One stream: the `index`-th of its section, at `offset` of the file, holding parts in tensor-table order."""

    section: SectionEntry
    number: int
    index: int
    offset: int
    bytes: int
    holdings: tuple[Holding, ...]

    @property
    def raw_bytes(self) -> int:
        """Bytes of the decoded stream."""
        return sum(part.raw_bytes for _, part in self.holdings)

    @property
    def dtype(self) -> str:
        """dtype the stream is decoded as: its parts' own where they agree, else uint8."""
        dtypes = {part.dtype for _, part in self.holdings}
        return dtypes.pop() if len(dtypes) == 1 else "uint8"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape the stream is decoded as: that of its only part, else one axis."""
        if len(self.holdings) == 1:
            return self.holdings[0][1].shape
        return (self.raw_bytes if self.dtype == "uint8" else sum(math.prod(part.shape) for _, part in self.holdings),)

    @property
    def exact(self) -> bool:
        """Whether every part belongs to one tensor, so that its bytes are known and not shared out."""
        return len({tensor.name for tensor, _ in self.holdings}) == 1

    def split(self, array: Any) -> list[tuple[TensorEntry, PartEntry, Any]]:
        """Cut the decoded numpy array of this stream into its parts, each with its own dtype and shape."""
        flat, start, pieces = array.reshape(-1), 0, []
        for tensor, part in self.holdings:
            items = part.raw_bytes if self.dtype == "uint8" else math.prod(part.shape)
            piece = flat[start : start + items]
            pieces.append((tensor, part, piece.view(part.dtype).reshape(part.shape)))
            start += items
        return pieces


def prediction_work(shape: tuple[int, ...]) -> int:
    """Rows × columns² of a matrix that is coded around predictions: about half of the multiplications it may cost.

    A matrix counts as having no fewer rows than columns, since what is learned from its rows costs columns³ a time.
    Arrays of other than two axes cost nothing: the coder takes none.
    """
    if len(shape) != 2:
        return 0
    rows, columns = shape
    return max(rows, columns) * columns**2


def streams_of(manifest: Manifest) -> Iterator[StreamEntry]:
    """Every stream of a checked manifest, in file order."""
    holdings: defaultdict[int, list[Holding]] = defaultdict(list)
    for tensor in manifest.tensors:
        for part in tensor.parts:
            holdings[part.stream].append((tensor, part))
    number = 0
    for section in manifest.sections:
        offset = section.offset
        for index, length in enumerate(section.streams):
            yield StreamEntry(section, number, index, offset, length, tuple(holdings[number]))
            offset += length
            number += 1
