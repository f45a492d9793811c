"""One row of an audit: what was measured, against what, resting on which rule, and what it cannot see."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from pydantic import Field

from golfctl.core.config import Config


class Verdict(StrEnum):
    """What a check says; `not covered` and `inconclusive` are never a pass."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    NOT_COVERED = "not covered"
    INCONCLUSIVE = "inconclusive"


class Finding(Config):
    """A verdict with everything needed to dispute it.

    `value`, `threshold` and `noise_floor` are in the unit that `statistic` names; None where there is no number.
    `meaning` says in a sentence what a failure means, and is empty for other verdicts. `reproducer` names a folder that
    holds the token files and `reproducer.json`.
    """

    id: str
    title: str
    level: int = Field(ge=0, le=3)
    verdict: Verdict
    statistic: str
    value: float | None = None
    threshold: float | None = None
    noise_floor: float | None = None
    detail: str = ""
    rests_on: Literal["rule", "ruling", "community"]
    rule: str
    limits: str = Field(min_length=1)
    meaning: str = ""
    reproducer: str | None = None


@dataclass(frozen=True)
class Evidence:
    """The smallest thing that shows a failure: token files by name, and the facts to look for in them."""

    texts: dict[str, np.ndarray]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a check returns; the runner joins it with the check's own description into a `Finding`."""

    verdict: Verdict
    statistic: str
    value: float | None = None
    threshold: float | None = None
    detail: str = ""
    noise_floor: float | None = None
    evidence: Evidence | None = field(default=None, compare=False)


def finite(value: float | None) -> float | None:
    """`value`, or None where it is infinite or NaN: reports hold numbers that JSON knows."""
    return value if value is not None and np.isfinite(value) else None


def not_covered(reason: str) -> Outcome:
    """The outcome of a check that could not be run; `reason` says what is missing."""
    return Outcome(Verdict.NOT_COVERED, reason)
