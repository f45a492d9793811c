"""What a training log says: scores with their stages, sizes, seconds, tokens and seeds, as far as it is understood.

Logs often begin with the source of the program that wrote them; lines count only where a number stands for a value.
A score that stands there and cannot be read is kept as such: a reader must know that something was said.
"""

import re
from collections import deque
from collections.abc import Iterable
from itertools import takewhile
from typing import NamedTuple

from golfctl.submission.logs.grammar import Line, LogField, decimals, read_line, whole_number
from golfctl.submission.logs.scores import LoggedScore, message, scores_of
from golfctl.submission.logs.seconds import SECONDS, total_evaluation_seconds, training_seconds
from golfctl.submission.logs.stages import LAST_STAGES, Stage, step_of

_INTEGER = r"(\d{1,18}|\d{1,3}(?:,\d{3}){1,5})"
_TOTAL_SIZE = re.compile(rf"total submission size([^:\n]{{0,80}}):\s*{_INTEGER}\s*bytes\b", re.IGNORECASE)
_CODE_SIZE = re.compile(rf"code size([^:\n]{{0,80}}):\s*{_INTEGER}\s*bytes\b", re.IGNORECASE)
_CALIBRATION = re.compile(
    r"(?:gptq|calib)\w{0,40}:?\s*(?:collected|generated|calibrated)[^\n]{0,120}?\bin\s+(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s)\b",
    re.IGNORECASE,
)
_SPEAKS_OF_SCORES = re.compile(r"bpb|bits?[ _/-]{1,3}(?:per[ _/-]{1,3})?byte", re.IGNORECASE)
_SEED_LIMIT = 1 << 33
_SAME_STAGE, _ROUNDING_BPB = 0.02, 1e-4
_KEPT_SCORES, _KEPT_NUMBERS, _KEPT_NAMES = 100_000, 10_000, 100


class LogFacts(NamedTuple):
    """What one log says; None or empty where it says nothing. Sizes in bytes, by the label they were printed with.

    `stray` are numbers that may be scores: on lines that speak of bits per byte in words that the grammar does not
    know, or after the last score. `cut` says why the log was not read to its end.
    """

    scores: tuple[LoggedScore, ...]
    totals: dict[str, int]
    code_bytes: dict[str, int]
    train_seconds: float | None
    calibration_seconds: float
    total_eval_seconds: float | None
    val_tokens: int | None
    seeds: tuple[int, ...]
    stray: tuple[float, ...] = ()
    cut: str = ""

    @property
    def seed(self) -> int | None:
        """The seed named last."""
        return self.seeds[-1] if self.seeds else None

    @property
    def counted_bytes(self) -> int | None:
        """The last submission size printed that is not the size before quantising (which has no label)."""
        labelled = [size for label, size in self.totals.items() if label]
        sizes = labelled or list(self.totals.values())
        return sizes[-1] if sizes else None

    @property
    def eval_stages(self) -> dict[str, float]:
        """Seconds of each scoring stage after training; a stage that reports itself twice counts once."""
        stages: list[LoggedScore] = []
        for score in self.scores:
            timed = score.seconds and score.bpb is not None and score.stage not in (Stage.TRAINING, Stage.PROGRESS)
            if timed and not any(_same_stage(score, other) for other in stages[-_KEPT_NAMES:]):
                stages.append(score)
        return {f"{i} {score.tag}": score.seconds or 0.0 for i, score in enumerate(stages)}

    @property
    def runs(self) -> list[list[LoggedScore]]:
        """The scores of each run in the log."""
        split: dict[int, list[LoggedScore]] = {}
        for score in self.scores:
            split.setdefault(score.run, []).append(score)
        return list(split.values())


def last_stage(scores: list[LoggedScore]) -> list[LoggedScore]:
    """The scores that a run ends with: those of its last stage, and later ones whose stage has no known name.

    Where nothing was scored after training and quantisation: the last score alone.
    """
    trained = max((i for i, score in enumerate(scores) if score.stage is Stage.TRAINING), default=-1) + 1
    ended = [s for s in scores[trained:] if s.stage in LAST_STAGES] or [s for s in scores if s.stage in LAST_STAGES]
    backwards = ended[::-1]
    unnamed = list(takewhile(lambda score: score.stage is Stage.UNNAMED, backwards))
    named = backwards[len(unnamed) :]
    kept = unnamed + list(takewhile(lambda score: score.stage is named[0].stage, named))
    return kept[::-1] or [score for score in scores if score.stage is not Stage.PROGRESS][-1:] or scores[-1:]


def _same_stage(one: LoggedScore, other: LoggedScore) -> bool:
    """The same figure in about the same seconds, printed by another line."""
    near = abs((one.seconds or 0.0) - (other.seconds or 0.0)) <= _SAME_STAGE * (one.seconds or 0.0)
    return near and abs((one.bpb or 0.0) - (other.bpb or 0.0)) < _ROUNDING_BPB


def parse_log(text: str) -> LogFacts:
    """Read a log; never raises, whatever stands in it."""
    return read_facts(text.splitlines())


def read_facts(lines: Iterable[str]) -> LogFacts:
    """Read a log line by line, in memory that does not grow with it; never raises for what stands in it."""
    reader = _Reader()
    for line in lines:
        reader.read(read_line(line))
    return reader.facts()


class _Reader:
    """Gathers the facts of one log."""

    def __init__(self) -> None:
        self.scores: deque[LoggedScore] = deque(maxlen=_KEPT_SCORES)
        self.spoken: deque[float] = deque(maxlen=_KEPT_NUMBERS)
        self.trailing: deque[float] = deque(maxlen=_KEPT_NUMBERS)
        self.totals: dict[str, int] = {}
        self.code_bytes: dict[str, int] = {}
        self.train_seconds: float | None = None
        self.calibration_seconds = 0.0
        self.total_eval_seconds: float | None = None
        self.val_tokens: int | None = None
        self.seeds: dict[int, None] = {}
        self.run, self.step = 0, -1

    def read(self, line: Line) -> None:
        """Take in one line."""
        for field in line.fields:
            self._times(field)
            self._tokens_and_seed(line, field)
        self._sizes(line.text)
        if scores := scores_of(line):
            self._count_runs(line, scores)
            self.scores += [score._replace(run=self.run) for score in scores]
            self.trailing.clear()
        elif _SPEAKS_OF_SCORES.search(line.text):
            self.spoken += decimals(line.text)
        else:
            self.trailing += decimals(line.text)

    def facts(self) -> LogFacts:
        """What was said up to here."""
        return LogFacts(
            scores=tuple(self.scores),
            totals=self.totals,
            code_bytes=self.code_bytes,
            train_seconds=self.train_seconds,
            calibration_seconds=self.calibration_seconds,
            total_eval_seconds=self.total_eval_seconds,
            val_tokens=self.val_tokens,
            seeds=tuple(self.seeds),
            stray=(*self.spoken, *self.trailing),
        )

    def _count_runs(self, line: Line, scores: list[LoggedScore]) -> None:
        """A step of training that falls back begins the next run of the same log."""
        if all(score.stage is not Stage.TRAINING for score in scores):
            return
        said = next((f.whole for f in line.fields if f.last_word == "step"), None)
        step = step_of(message(line.text)) if said is None else said
        if step is not None:
            self.run += step < self.step
            self.step = step

    def _times(self, field: LogField) -> None:
        if (seconds := training_seconds(field)) is not None:
            self.train_seconds = max(self.train_seconds or 0.0, seconds)
        if (seconds := total_evaluation_seconds(field)) is not None:
            self.total_eval_seconds = seconds

    def _tokens_and_seed(self, line: Line, field: LogField) -> None:
        if field.whole is None:
            return
        if field.words == "val_tokens" or (field.last_word == "tokens" and "val_loader" in line.text):
            self.val_tokens = field.whole
        if field.last_word == "seed" and field.whole < _SEED_LIMIT and len(self.seeds) < _KEPT_NAMES:
            self.seeds.pop(field.whole, None)  # to the end: the one named last
            self.seeds[field.whole] = None

    def _sizes(self, text: str) -> None:
        for pattern, sizes in ((_TOTAL_SIZE, self.totals), (_CODE_SIZE, self.code_bytes)):
            for label, size in pattern.findall(text):
                if label.strip() in sizes or len(sizes) < _KEPT_NAMES:
                    sizes[label.strip()] = whole_number(size) or 0
        for seconds, unit in _CALIBRATION.findall(text):
            self.calibration_seconds += float(seconds) * SECONDS[unit.lower()]
