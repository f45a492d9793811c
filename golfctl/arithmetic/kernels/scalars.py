"""Elementary functions of Python floats, for schedules; libm's last bit depends on its version and on the processor."""

from golfctl.arithmetic.kernels.elementary import cos64, exp64, log64, power64


def scalar_exp(x: float) -> float:
    """eˣ; 0 below −708, infinite above 709."""
    return float(exp64(float(x)))


def scalar_log(x: float) -> float:
    """Natural logarithm; −∞ at 0, NaN below."""
    return float(log64(float(x)))


def scalar_cos(x: float) -> float:
    """Cosine; NaN beyond ±2²³."""
    return float(cos64(float(x)))


def scalar_pow(base: float, exponent: float) -> float:
    """base ** exponent as e^(exponent · ln base); NaN for a base below 0."""
    return float(power64(float(base), float(exponent)))
