"""Training logs of any of the field's dialects: scores, sizes, seconds, tokens and seed, as far as they are said.

Logs often begin with the source of the program that wrote them; lines count only where a number stands for a value.
Every repetition is bounded, so that no file, however it was made, takes long.
"""

import re
from typing import NamedTuple

_NUMBER = r"(\d+(?:\.\d+)?)"
_SCORE = re.compile(rf"val_bpb\s*[:=]\s*{_NUMBER}(?![\w(])")
_LOSS = re.compile(rf"val_loss\s*[:=]\s*{_NUMBER}")
_EVAL_TIME = re.compile(rf"(?<![a-z_])(?:eval_time|elapsed|time)\s*[:=]\s*{_NUMBER}\s*(ms|s)\b")
_TOTAL_EVAL = re.compile(rf"total_eval_time\s*[:=]\s*{_NUMBER}\s*(ms|s)\b")
_TRAIN_TIME = re.compile(rf"train_time\s*[:=]\s*{_NUMBER}\s*(ms|m|s)\b")
_TOTAL_SIZE = re.compile(r"total submission size([^:\n]{0,80}):\s*([\d,]+)\s*bytes", re.IGNORECASE)
_CODE_SIZE = re.compile(r"code size([^:\n]{0,80}):\s*([\d,]+)\s*bytes", re.IGNORECASE)
_CALIBRATION = re.compile(
    rf"(?:gptq|calib)\w{{0,40}}:?\s*(?:collected|generated|calibrated)[^\n]{{0,120}}?\bin\s+{_NUMBER}\s*(ms|s)\b",
    re.IGNORECASE,
)
_TOKENS = re.compile(r"(?:val_loader[^\n]{0,200}?tokens|val_tokens)\s*[:=]\s*([\d,]+)")
_SEED = re.compile(r"(?:^|[\s,{'\"])seed['\"]?\s*[:=]\s*(\d+)\b", re.MULTILINE)
_STEP = re.compile(r"^\s*(?:step\s*[:=]?\s*)?\d+\s*/\s*\d+")
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0}
_SEED_LIMIT, _DIGITS = 1 << 33, 18
_SAME_STAGE, _ROUNDING_BPB = 0.02, 1e-4


class Score(NamedTuple):
    """One reported score; `tag` is the word its line begins with, `loss` in nats, `seconds` what the stage took."""

    tag: str
    loss: float | None
    bpb: float
    seconds: float | None


class LogFacts(NamedTuple):
    """What one log says; None or empty where it says nothing. Sizes in bytes, by the label they were printed with."""

    scores: tuple[Score, ...]
    totals: dict[str, int]
    code_bytes: dict[str, int]
    train_seconds: float | None
    calibration_seconds: float
    total_eval_seconds: float | None
    val_tokens: int | None
    seed: int | None

    @property
    def counted_bytes(self) -> int | None:
        """The last submission size printed that is not the size before quantising (which has no label)."""
        labelled = [size for label, size in self.totals.items() if label]
        sizes = labelled or list(self.totals.values())
        return sizes[-1] if sizes else None

    @property
    def eval_stages(self) -> dict[str, float]:
        """Seconds of each scoring stage after training; a stage that reports itself twice counts once."""
        stages: list[Score] = []
        for score in self.scores:
            if score.seconds and not any(_same_stage(score, other) for other in stages):
                stages.append(score)
        return {f"{i} {score.tag}": score.seconds or 0.0 for i, score in enumerate(stages)}


def _same_stage(one: Score, other: Score) -> bool:
    """The same figure in about the same seconds, printed by another line."""
    near = abs((one.seconds or 0.0) - (other.seconds or 0.0)) <= _SAME_STAGE * (one.seconds or 0.0)
    return near and abs(one.bpb - other.bpb) < _ROUNDING_BPB


def parse_log(text: str) -> LogFacts:
    """Read a log; never raises, whatever stands in it."""
    scores, train_seconds = [], None
    for line in text.splitlines():
        train = _TRAIN_TIME.search(line)
        if train:
            train_seconds = max(train_seconds or 0.0, _seconds(train[1], train[2]))
        score = _SCORE.search(line)
        if score and not _is_source(line):
            scores.append(_score(line, float(score[1])))
    return LogFacts(
        scores=tuple(scores),
        totals={m[1].strip(): _integer(m[2]) for m in _TOTAL_SIZE.finditer(text)},
        code_bytes={m[1].strip(): _integer(m[2]) for m in _CODE_SIZE.finditer(text)},
        train_seconds=train_seconds,
        calibration_seconds=sum(_seconds(m[1], m[2]) for m in _CALIBRATION.finditer(text)),
        total_eval_seconds=_last_seconds(_TOTAL_EVAL, text),
        val_tokens=_last_integer(_TOKENS, text),
        seed=_seed(text),
    )


def _score(line: str, bpb: float) -> Score:
    loss, seconds = _LOSS.search(line), _EVAL_TIME.search(line)
    step = bool(_STEP.match(line))
    words = line.split()
    tag = "step" if step else (words[0].split(":")[0] if words else "")
    return Score(
        tag,
        float(loss[1]) if loss else None,
        bpb,
        _seconds(seconds[1], seconds[2]) if seconds and not step else None,
    )


def _is_source(line: str) -> bool:
    """A line of program text rather than of output."""
    return any(mark in line for mark in ("print(", "log(", "log0(", 'f"', "f'", "==", "float("))


def _seconds(number: str, unit: str) -> float:
    return float(number) * _SECONDS[unit]


def _integer(text: str) -> int:
    """The number with its commas; a longer one than any size or count stands for all such."""
    return int(text.replace(",", "")[:_DIGITS] or 0)


def _last_seconds(pattern: re.Pattern[str], text: str) -> float | None:
    found = pattern.findall(text)
    return _seconds(*found[-1]) if found else None


def _last_integer(pattern: re.Pattern[str], text: str) -> int | None:
    found = [_integer(number) for number in pattern.findall(text) if number.strip(",")]
    return found[-1] if found else None


def _seed(text: str) -> int | None:
    found = [int(number) for number in _SEED.findall(text) if len(number) <= 10]
    return found[-1] if found and found[-1] < _SEED_LIMIT else None
