"""Which lane reads which text, step by step: the same for whoever knows the text and whoever only gets to know it.

The next text in order goes to the lane that frees first, the lowest number on ties. P texts, K lanes at work, R rows.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from golfctl.errors import ConfigError
from golfctl.scoring.steps.question import Step


class Text(NamedTuple):
    """What one lane reads without a break: it is given a token, then is asked for rows until the text ends.

    `rows` is the number of rows; None where the text ends with the first target that equals the lanes' `end`.
    """

    given: int
    rows: int | None


class Stretch(NamedTuple):
    """A text by its place in a stream: the position of the token it is given, and its rows `[first, stop)`."""

    given: int
    first: int
    stop: int


def whole_documents(starts: Sequence[int], rows: int) -> list[Stretch]:
    """Every document by itself: it is given its first token; its last row's target begins the next document."""
    ends = [*starts[1:], rows]
    return [Stretch(begin, begin, stop) for begin, stop in zip(starts, ends, strict=True) if stop > begin]


def cut_in(lanes: int, rows: int) -> list[Stretch]:
    """One text of `rows` rows in `lanes` parts that differ by a row at most, longer ones first.

    All are given the text's first token: the token before a part is not known when its lane begins.
    """
    size, longer = divmod(rows, lanes)
    firsts = [number * size + min(number, longer) for number in range(lanes + 1)]
    return [Stretch(0, first, stop) for first, stop in pairwise(firsts) if stop > first]


class Lanes:
    """The lanes at work and what each is reading; `step` asks, `reveal` answers, until no text is left."""

    def __init__(self, texts: Sequence[Text], lanes: int, end: int | None = None) -> None:
        """
        Raises:
            ConfigError: no lane, or a text that would never end.
        """
        if lanes < 1:
            raise ConfigError(f"{lanes} lanes read nothing: use at least 1")
        if end is None and any(text.rows is None for text in texts):
            raise ConfigError("a text of unknown length needs a token that ends it")
        self._texts = texts
        self._end = end
        self._waiting: Iterator[int] = iter([number for number, text in enumerate(texts) if text.rows != 0])
        self._text_L = np.full(lanes, -1)
        self._row_L = np.zeros(lanes, np.int64)
        self._token_L = np.zeros(lanes, np.int64)
        self._booked = 0
        self._fill()

    def step(self) -> Step | None:
        """The next question, None when every text was read."""
        lane_K = np.flatnonzero(self._text_L >= 0)
        if not len(lane_K):
            return None
        return Step(lane_K, self._token_L[lane_K], self._row_L[lane_K] == 0, self._booked)

    def reading(self) -> tuple[np.ndarray, np.ndarray]:
        """For each lane at work its text [K] and the row within it that is asked for [K]."""
        lane_K = np.flatnonzero(self._text_L >= 0)
        return self._text_L[lane_K], self._row_L[lane_K]

    def reveal(self, target_K: np.ndarray) -> None:
        """The targets of the rows that `step` asked for."""
        for lane, target in zip(np.flatnonzero(self._text_L >= 0), target_K, strict=True):
            self._token_L[lane] = target
            self._row_L[lane] += 1
            self._booked += 1
            rows = self._texts[self._text_L[lane]].rows
            if self._row_L[lane] == rows if rows is not None else target == self._end:
                self._text_L[lane] = -1
        self._fill()

    def _fill(self) -> None:
        for lane in np.flatnonzero(self._text_L < 0):
            text = next(self._waiting, None)
            if text is None:
                return
            self._text_L[lane], self._row_L[lane], self._token_L[lane] = text, 0, self._texts[text].given
