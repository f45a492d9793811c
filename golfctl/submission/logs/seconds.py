"""Seconds in a log: a time has a unit beside its number (70.1s, 9.8m, 74066ms) or in its name (eval_time_ms)."""

import math
import re

from golfctl.submission.logs.grammar import LogField

SECONDS = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0, "m": 60.0, "min": 60.0, "minutes": 60.0}
_TRAINING = re.compile(r"(?:^|_)train(?:ing)?_time$")
_TOTAL_EVALUATION = re.compile(r"(?:^|_)total_eval_time$")
_EVALUATION = re.compile(r"^(?:eval_time|elapsed|time)$")


def training_seconds(field: LogField) -> float | None:
    """Seconds since training began, or None where the field says something else."""
    return _seconds(field, _TRAINING, field.words)


def total_evaluation_seconds(field: LogField) -> float | None:
    """Seconds of all of the evaluation."""
    return _seconds(field, _TOTAL_EVALUATION, field.words)


def evaluation_seconds(field: LogField) -> float | None:
    """Seconds of one stage of the evaluation."""
    return None if _TRAINING.search(field.words) else _seconds(field, _EVALUATION, field.last_word)


def _seconds(field: LogField, names: re.Pattern[str], name: str) -> float | None:
    if field.value is None or not 0 <= field.value < math.inf:
        return None
    stem, _, suffix = name.rpartition("_")
    name, unit_in_name = (stem, suffix) if suffix in SECONDS and stem else (name, "")
    scale = SECONDS.get(field.unit or unit_in_name)
    return field.value * scale if scale is not None and names.search(name) else None
