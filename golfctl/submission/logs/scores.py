"""The scores of one line: what ends in `bpb` and stands for a value, with its stage, its loss and its seconds."""

import re
from typing import NamedTuple

from golfctl.submission.logs.grammar import Line, LogField
from golfctl.submission.logs.seconds import evaluation_seconds
from golfctl.submission.logs.stages import Stage, stage_of, stage_of_name

_LOSS = re.compile(r"(?:^|_)(?:(?:val|valid|validation|eval|test)_(?:loss|nll)|vl)$")
_HEAD = re.compile(  # what loggers write before a message
    r"\s*(?:\[[^\]%/]{1,60}\]\s*|(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z?\s+|"
    r"\d{9,13}(?:\.\d{1,9})?\s+|(?:DEBUG|INFO|WARNING|ERROR)\b[\s:-]*|[|-]\s+){0,8}"
)
_SOURCE = re.compile(r"print\(|\blog0?\(|\bf\"|\bf'|(?<!=)==(?!=)|float\(")
_DECIMAL_POINT = re.compile(r"\d\.\d")  # another figure, and the words are its own
_ASSIGNMENT = re.compile(r"\s=\s")


class LoggedScore(NamedTuple):
    """One reported score; `tag` is the word its line begins with, `loss` in nats, `seconds` what the stage took.

    `bpb` is None where what stands there is no number; NaN and infinity are themselves. `run` counts runs of one log.
    """

    tag: str
    loss: float | None
    bpb: float | None
    seconds: float | None
    stage: Stage = Stage.UNNAMED
    run: int = 0


def scores_of(line: Line) -> list[LoggedScore]:
    """The scores that a line reports; none where it is a line of a program."""
    fields = [field for field in line.fields if _names_a_score(line, field)]
    if not fields or (line.said is None and _SOURCE.search(line.text)):
        return []
    read = _text_scores(line, fields) if line.said is None else _json_scores(line, fields)
    return [score for score in read if score.stage is not Stage.ASIDE]


def message(text: str) -> str:
    """A line without what a logger writes before it."""
    head = _HEAD.match(text)
    return text[head.end() :] if head else text


def _names_a_score(line: Line, field: LogField) -> bool:
    """A name that ends in bpb; `x = 0.0` is how programs begin a sum, not how they print one."""
    if not field.words.endswith("bpb"):
        return False
    return field.value != 0.0 or not _ASSIGNMENT.search(line.text[field.start : field.end])


def _json_scores(line: Line, fields: list[LogField]) -> list[LoggedScore]:
    """Scores of a JSON line: a stage is in the name or in a text beside it; a step alone says training."""
    said = stage_of(line.said or "")
    if said is Stage.UNNAMED and any(f.last_word in ("step", "iter", "iteration", "epoch") for f in line.fields):
        said = Stage.TRAINING
    loss = next((f.value for f in line.fields if _LOSS.search(f.words) and f.value is not None), None)
    seconds, scores = _stage_seconds(line), []
    for field in fields:
        stage = _stage(field.name, stage_of(field.name), said)
        tag = "step" if stage is Stage.TRAINING else ((line.said or "").split() or [field.name])[0]
        scores.append(LoggedScore(tag, loss, _bpb(field), seconds, stage))
    return scores


def _text_scores(line: Line, fields: list[LogField]) -> list[LoggedScore]:
    """Scores of a line of text. Each owns what stands between the score before it and the next one."""
    text, scores = line.text, []
    first_words, words = stage_of(message(text[: fields[0].start])), message(text).split(maxsplit=1)
    tag = re.split("[:=]", words[0])[0] if words else ""
    seconds = _stage_seconds(line) if len(fields) == 1 else None
    losses = _losses(line, fields)
    for i, field in enumerate(fields):
        before = text[fields[i - 1].end : field.start] if i else message(text[: field.start])
        after = text[field.end : fields[i + 1].start if i + 1 < len(fields) else len(text)]
        own = [stage_of(f"{before} {field.name}"), first_words]
        if not _DECIMAL_POINT.search(after):
            own.append(stage_of(after))
        stage = _stage(field.name, *own)
        trained = stage is Stage.TRAINING
        scores.append(
            LoggedScore("step" if trained else tag, losses[i], _bpb(field), None if trained else seconds, stage)
        )
    return scores


def _losses(line: Line, fields: list[LogField]) -> list[float | None]:
    """The loss of each score: the last one that stands between the score before it and itself."""
    losses: list[float | None] = []
    loss = None
    for field in line.fields:
        if len(losses) < len(fields) and field is fields[len(losses)]:
            losses.append(loss)
            loss = None
        elif _LOSS.search(field.words):
            loss = field.value
    return losses


def _stage(name: str, *told: Stage) -> Stage:
    """The stage of a score: what its name rules out, else the first that was told with a name."""
    before, _, identifier = name.rpartition(" ")
    stage = stage_of_name(identifier)
    if stage is Stage.UNNAMED:
        stage = next((other for other in told if other is not Stage.UNNAMED), stage)
    aside = stage_of_name(before) is Stage.ASIDE and stage is not Stage.TTT  # a test-time "training bpb" is a score
    return Stage.ASIDE if aside else stage


def _bpb(field: LogField) -> float | None:
    """The number, where it is one of bits per byte: one with another unit is not understood."""
    return None if field.unit else field.value


def _stage_seconds(line: Line) -> float | None:
    return next((seconds for f in line.fields if (seconds := evaluation_seconds(f)) is not None), None)
