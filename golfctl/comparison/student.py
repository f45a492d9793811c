"""Student's t without scipy: distribution, quantile, and the noncentral tail that power needs."""

import math

import numpy as np

_TINY = 1e-300
_STEPS = 400


def t_upper_tail(t: float, df: float) -> float:
    """P(T > t) for Student's t with `df` degrees of freedom."""
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    half = 0.5 * incomplete_beta(df / 2.0, 0.5, df / (df + t * t))
    return half if t >= 0 else 1.0 - half


def t_quantile(upper: float, df: float) -> float:
    """The t with P(T > t) = `upper`, by bisection to the last bits."""
    low, high = -1.0, 1.0
    while t_upper_tail(low, df) < upper:
        low *= 2.0
    while t_upper_tail(high, df) > upper:
        high *= 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if t_upper_tail(middle, df) > upper else (low, middle)
    return 0.5 * (low + high)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised I_x(a, b) by its continued fraction (modified Lentz)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return front * value / a


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def noncentral_upper_tail(t: float, df: float, shift: float) -> float:
    """P(T > t) for noncentral t: E over the chi of Φ(shift − t·s), by quadrature in s = √(χ²/df)."""
    s = np.linspace(1e-6, 1.0 + 12.0 / math.sqrt(df), 1001)
    log_density = (df - 1.0) * np.log(s) - 0.5 * df * s * s
    weight = np.exp(log_density - log_density.max())
    tail = np.array([0.5 * math.erfc(-(shift - t * x) / math.sqrt(2.0)) for x in s])
    return float(np.sum(weight * tail) / np.sum(weight))
