"""Welch's one-sided test against a margin, its confidence interval, and what the spread could have shown."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from golfctl.comparison.student import noncentral_upper_tail, t_quantile, t_upper_tail

_POWER = 0.8
_CONFIDENCE = 0.95


class Welch(NamedTuple):
    """`gain` is mean(base) − mean(new): positive when new is better (lower). Same unit as the scores.

    `p_value` is of the hypothesis that the true gain is at most `margin`; None where a set has a single score.
    `showable` is the smallest true gain that sets like these would show at the wanted p in 4 of 5 cases.
    """

    gain: float
    margin: float
    p_value: float | None
    df: float | None
    interval: tuple[float, float] | None
    showable: float | None


def welch(base: Sequence[float], new: Sequence[float], margin: float, p_wanted: float) -> Welch:
    """Test whether `new` beats `base` by more than `margin`.

    Raises:
        ValueError: a set is empty.
    """
    if not base or not new:
        raise ValueError("both sets need at least one score")
    gain = float(np.mean(base) - np.mean(new))
    if len(base) < 2 or len(new) < 2:
        return Welch(gain, margin, None, None, None, None)
    parts = [float(np.var(scores, ddof=1)) / len(scores) for scores in (base, new)]
    error = math.sqrt(sum(parts))
    if error == 0.0:
        return Welch(gain, margin, 0.0 if gain > margin else 1.0, None, (gain, gain), margin)
    df = sum(parts) ** 2 / sum(part**2 / (len(s) - 1) for part, s in zip(parts, (base, new), strict=True))
    reach = t_quantile((1.0 - _CONFIDENCE) / 2.0, df) * error
    return Welch(
        gain,
        margin,
        t_upper_tail((gain - margin) / error, df),
        df,
        (gain - reach, gain + reach),
        margin + error * _shift_for_power(p_wanted, df),
    )


def _shift_for_power(p_wanted: float, df: float) -> float:
    """The true excess over the margin, in standard errors, that is shown with probability `_POWER`."""
    critical = t_quantile(p_wanted, df)
    low, high = 0.0, 1.0
    while noncentral_upper_tail(critical, df, high) < _POWER:
        high *= 2.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if noncentral_upper_tail(critical, df, middle) < _POWER else (low, middle)
    return 0.5 * (low + high)
