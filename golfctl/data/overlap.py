"""What training and held-out tokens share: whole documents, and long runs of tokens.

N: tokens, W: windows of `run` tokens. Documents are compared by digest, exactly. Runs are compared by a 64-bit
polynomial hash over randomised ids, so a chance match is possible but has odds of about 10^-5 over 10^14 pairs.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golfctl.core.progress import SILENT, Progress
from golfctl.data.shards import Tokens

RUN_TOKENS = 32
_CHUNK_TOKENS = 1 << 22
_BASE = np.uint64(0x9E3779B97F4A7C15 | 1)
_INVERSE = np.uint64(pow(int(_BASE), -1, 1 << 64))
_FILTER_BITS = 26

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Overlap:
    """Held-out documents and tokens that the training part holds too."""

    documents: int
    run_tokens: int
    tokens: int
    held_out_tokens: int
    train_documents: int

    @property
    def share(self) -> float:
        """Share of the held-out tokens that lie in a run of `run_tokens` that occurs in training."""
        return self.tokens / max(self.held_out_tokens, 1)


def find_overlap(
    train: Sequence[Tokens], held_out_N: Tokens, bos: int | None, run: int = RUN_TOKENS, progress: Progress = SILENT
) -> Overlap:
    """Compare the training shards' stream with the held-out tokens."""
    held_hashes_W = window_hashes(held_out_N, run)
    unique = np.unique(held_hashes_W)
    seen = np.zeros(len(unique), np.bool_)
    coarse = np.zeros(1 << _FILTER_BITS, np.bool_)
    coarse[_coarse(unique)] = True
    held_keys = [document_key(ids) for ids in split_stream([held_out_N], bos)]
    train_keys = _KeyCounter(set(held_keys), bos)
    with progress.task("comparing training and held-out tokens", sum(map(len, train)), "tokens") as task:
        for chunk_N, fresh in _chunks(train, run - 1):
            hashes_W = window_hashes(chunk_N, run)
            likely = hashes_W[coarse[_coarse(hashes_W)]]
            seen[np.searchsorted(unique, likely[np.isin(likely, unique)])] = True
            train_keys.add(chunk_N[len(chunk_N) - fresh :])
            task.advance(fresh)
    shared = train_keys.finish()
    covered = _covered(seen[np.searchsorted(unique, held_hashes_W)], run, len(held_out_N))
    return Overlap(sum(key in shared for key in held_keys), run, covered, len(held_out_N), train_keys.documents)


def window_hashes(ids_N: Tokens, run: int) -> Hashes:
    """64-bit hash of every window of `run` consecutive ids: sum of table[id]·base^j, modulo 2^64."""
    count = len(ids_N) - run + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    powers_N = _powers(_BASE, len(ids_N))
    sums = np.zeros(len(ids_N) + 1, np.uint64)
    np.cumsum(_ID_TABLE[ids_N] * powers_N, out=sums[1:])
    return (sums[run:] - sums[:count]) * _powers(_INVERSE, count)


def document_key(ids_N: Tokens) -> bytes:
    """Digest of one document's ids."""
    return hashlib.sha256(np.ascontiguousarray(ids_N, "<u2").tobytes()).digest()


def split_stream(parts: Sequence[Tokens], bos: int | None) -> Iterator[Tokens]:
    """Documents of a stream given in parts, without their BOS; a document may straddle parts."""
    splitter = _Splitter(bos)
    for part_N in parts:
        yield from splitter.add(part_N)
    yield from splitter.finish()


class _Splitter:
    """Cuts a stream at its BOS tokens."""

    def __init__(self, bos: int | None) -> None:
        self._bos = bos
        self._open: list[Tokens] = []

    def add(self, part_N: Tokens) -> Iterator[Tokens]:
        """Documents that end inside this part."""
        starts = np.flatnonzero(part_N == self._bos) if self._bos is not None else np.zeros(0, np.int64)
        edges = [0, *starts.tolist(), len(part_N)]
        for index in range(len(edges) - 1):
            piece = part_N[edges[index] + (index > 0) : edges[index + 1]]
            if index > 0:
                yield from self.finish()
            if len(piece):
                self._open.append(piece)

    def finish(self) -> Iterator[Tokens]:
        """The document still open, if it has any token."""
        if self._open:
            yield np.concatenate(self._open)
        self._open = []


class _KeyCounter:
    """Which of the wanted documents occur in a stream."""

    def __init__(self, wanted: set[bytes], bos: int | None) -> None:
        self._wanted, self._splitter = wanted, _Splitter(bos)
        self._found: set[bytes] = set()
        self.documents = 0

    def add(self, part_N: Tokens) -> None:
        """Look at the documents that end inside this part."""
        self._look(self._splitter.add(part_N))

    def finish(self) -> set[bytes]:
        """All wanted keys that occurred."""
        self._look(self._splitter.finish())
        return self._found

    def _look(self, documents: Iterator[Tokens]) -> None:
        for document in documents:
            self.documents += 1
            key = document_key(document)
            if key in self._wanted:
                self._found.add(key)


def _chunks(parts: Sequence[Tokens], carry: int) -> Iterator[tuple[Tokens, int]]:
    """Pieces of the stream, each led by the last `carry` tokens before it, and how many tokens are fresh."""
    tail = np.zeros(0, np.uint16)
    for part_N in parts:
        for start in range(0, len(part_N), _CHUNK_TOKENS):
            fresh = part_N[start : start + _CHUNK_TOKENS]
            chunk_N = np.concatenate([tail, fresh])
            yield chunk_N, len(fresh)
            tail = chunk_N[len(chunk_N) - min(carry, len(chunk_N)) :]


def _covered(found_W: NDArray[np.bool_], run: int, count: int) -> int:
    """Tokens inside at least one window that was found."""
    edges = np.zeros(count + 1, np.int64)
    starts = np.flatnonzero(found_W)
    np.add.at(edges, starts, 1)
    np.add.at(edges, starts + run, -1)
    return int((np.cumsum(edges[:-1]) > 0).sum())


def _powers(base: np.uint64, count: int) -> Hashes:
    values = np.full(count, base, np.uint64)
    values[:1] = 1
    return np.cumprod(values)


def _coarse(hashes: Hashes) -> Hashes:
    return hashes >> np.uint64(64 - _FILTER_BITS)


_ID_TABLE = np.random.default_rng(20240520).integers(0, 1 << 64, size=1 << 16, dtype=np.uint64)
