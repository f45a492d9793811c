"""Which inputs each row sees: pure functions from lengths to windows and blocks.

Rows are counted from the start of the stream; row i predicts token i + 1, so a stream of N tokens has N - 1 rows.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from golfctl.errors import ConfigError
from golfctl.scoring.protocol import Block, Window

TAILS = ("once", "sliding-1128", "ttt-1128")


def sliding_windows(
    rows: int, seq_len: int, stride: int, starts: Sequence[int] | None = None, tail: str = "once"
) -> Iterator[Window]:
    """Windows of `seq_len` inputs every `stride`; all of the first is scored, then the last `stride` rows of each.

    Args:
        rows: rows in the stream.
        starts: first rows of documents (strictly increasing, the first is 0) to isolate from each other.
        tail: `once` scores every row exactly once. The other two are the rules of the reference programs (PR #1128):
            windows that run past the end each score the last rows again; `sliding-1128` keeps every start below
            `rows`, `ttt-1128` only those with a full stride left.

    Raises:
        ConfigError: a length below 1, or rows that no window would score.
    """
    if not 1 <= stride <= seq_len:
        raise ConfigError(
            f"stride {stride} must lie between 1 and seq_len {seq_len}: larger strides leave rows unscored"
        )
    if tail not in TAILS:
        raise ValueError(f"unknown tail rule {tail!r}")
    if tail != "once":
        if starts is not None:
            raise ConfigError("the reference tail rules know no document isolation: drop one of the two")
        return _reference_windows(rows, seq_len, stride, tail)
    lanes = [0] if starts is None else list(starts)
    ends = [*lanes[1:], rows]
    return (w for begin, end in zip(lanes, ends, strict=True) for w in _lane(begin, end, seq_len, stride))


def _lane(begin: int, end: int, seq_len: int, stride: int) -> Iterator[Window]:
    if end <= begin:
        return
    first_stop = min(begin + seq_len, end)
    yield Window(begin, begin, first_stop, begins=True)
    for first in range(first_stop, end, stride):
        stop = min(first + stride, end)
        yield Window(first + stride - seq_len, first, stop)


def _reference_windows(rows: int, seq_len: int, stride: int, tail: str) -> Iterator[Window]:
    for start in range(0, rows, stride):
        length = min(start + seq_len, rows) - start
        if tail == "ttt-1128" and start and length < stride:
            continue
        first = start if start == 0 else start + max(length - stride, 0)
        yield Window(start, first, start + length, begins=start == 0)


def tokens_seen(rows: int, seq_len: int, stride: int | None) -> np.ndarray:
    """How many inputs each row of an isolated text sees, itself included; without a stride its cache is rolling."""
    row_R = np.arange(rows)
    if stride is None:
        return np.minimum(row_R + 1, seq_len)
    return np.where(row_R < seq_len, row_R + 1, seq_len - stride + 1 + (row_R - seq_len) % stride)


def group_windows(windows: Iterator[Window], per_block: int, barrier_rows: int | None) -> Iterator[tuple[Window, ...]]:
    """Consecutive windows in groups of at most `per_block` that first score in the same chunk of `barrier_rows`."""
    group: list[Window] = []
    for window in windows:
        if group and (len(group) == per_block or _chunk(window, barrier_rows) != _chunk(group[0], barrier_rows)):
            yield tuple(group)
            group = []
        group.append(window)
    if group:
        yield tuple(group)


def group_documents(windows: Iterator[Window], documents: int) -> Iterator[tuple[Window, ...]]:
    """Windows of isolated documents in groups of `documents` whole ones."""
    group: list[Window] = []
    begun = 0
    for window in windows:
        if window.begins and begun == documents:
            yield tuple(group)
            group, begun = [], 0
        begun += window.begins
        group.append(window)
    if group:
        yield tuple(group)


def _chunk(window: Window, barrier_rows: int | None) -> int:
    return window.first // barrier_rows if barrier_rows else 0


def make_block(tokens_N: np.ndarray, group: tuple[Window, ...], first: int, stop: int) -> Block:
    """The block for rows `[first, stop)` of `group`, with a private copy of the inputs it may see."""
    origin = min(window.start for window in group)
    return Block(origin, tokens_N[origin:stop].astype(np.int64), group, first, stop)


def blocks(tokens_N: np.ndarray, groups: Iterator[tuple[Window, ...]]) -> Iterator[Block]:
    """Blocks of whole groups."""
    return (make_block(tokens_N, group, group[0].first, group[-1].stop) for group in groups)
