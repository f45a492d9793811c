"""Exponential, logarithm, tanh, sigmoid, sine and cosine of one float64, in compiled code and in no other way.

Each is a series with the coefficients that mathematics gives it, after a reduction of its argument; every operation is
an IEEE float64 operation in the order written. Errors are a few units of the last place of a float64, so that a result
rounded to float32 is the nearest one but for about one case in 10⁸. What is not a number gives one and the same NaN.
"""

import math

import numpy as np

from golfctl.arithmetic.kernels.compiling import bits, from_bits, kernel

NAN = math.nan
INFINITY = math.inf
SHIFT = 6755399441055744.0  # 1.5 · 2⁵²: x + SHIFT − SHIFT is x rounded to a whole number, in the low bits of x + SHIFT
PER_LN2 = 1.4426950408889634
LN2_HIGH = 0.6931471803691238  # 33 bits of ln 2: a product with an integer below 2²⁰ is exact
LN2_LOW = 1.9082149292705877e-10
LARGEST, LEAST = 709.0, -708.0
"""exp is infinite above the first and 0 below the second, so that no power of two is subnormal."""

# Bits of a float64: unsigned, for a signed integer beside an unsigned one would make a float of both.
_WIDTH, _MANTISSA, _SIGN = np.uint64(52), np.uint64((1 << 52) - 1), np.uint64(1 << 63)
_BIAS = np.uint64(1023)  # the exponent of 1
_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)
_TWO_52 = np.uint64(0x4330000000000000)
_UP_FROM_ROOT_HALF = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_SMALLEST_NORMAL = 2.2250738585072014e-308


@kernel
def _series(r: float) -> float:
    """(eʳ − 1) / r for |r| ≤ ½ ln 2: Taylor to r¹² / 13!, even and odd powers apart, for two chains are faster."""
    z = r * r
    even = 1.0 / 6227020800.0
    even = even * z + 1.0 / 39916800.0
    even = even * z + 1.0 / 362880.0
    even = even * z + 1.0 / 5040.0
    even = even * z + 1.0 / 120.0
    even = even * z + 1.0 / 6.0
    even = even * z + 1.0
    odd = 1.0 / 479001600.0
    odd = odd * z + 1.0 / 3628800.0
    odd = odd * z + 1.0 / 40320.0
    odd = odd * z + 1.0 / 720.0
    odd = odd * z + 1.0 / 24.0
    odd = odd * z + 1.0 / 2.0
    return even + r * odd


@kernel
def exp64(x: float) -> float:
    """eˣ = 2ⁿ · (1 + r · series(r)), n = x / ln 2 rounded, r = x − n ln 2."""
    shifted = x * PER_LN2 + SHIFT
    n = shifted - SHIFT
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    y = (r * _series(r) + 1.0) * from_bits((bits(shifted) + _BIAS) << _WIDTH)
    y = 0.0 if x < LEAST else y
    y = INFINITY if x > LARGEST else y
    return y if x == x else NAN


@kernel
def log64(x: float) -> float:
    """ln x = k ln 2 + ln m with x = 2ᵏ m, √½ ≤ m < √2; ln m = 2 artanh s, s = (m − 1) / (m + 1), Taylor to s²¹."""
    tiny = x < _SMALLEST_NORMAL
    scaled = x * 18014398509481984.0 if tiny else x  # 2⁵⁴
    shifted = bits(scaled) + _UP_FROM_ROOT_HALF
    m = from_bits((shifted & _MANTISSA) + _ROOT_HALF)
    k = (from_bits((shifted >> _WIDTH) | _TWO_52) - 4503599627370496.0) - (1077.0 if tiny else 1023.0)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    w = z * z
    even = 1.0 / 19.0
    even = even * w + 1.0 / 15.0
    even = even * w + 1.0 / 11.0
    even = even * w + 1.0 / 7.0
    even = even * w + 1.0 / 3.0
    odd = 1.0 / 21.0
    odd = odd * w + 1.0 / 17.0
    odd = odd * w + 1.0 / 13.0
    odd = odd * w + 1.0 / 9.0
    odd = odd * w + 1.0 / 5.0
    p = even + z * odd
    twice = s + s
    y = k * LN2_HIGH + (twice + (twice * (z * p) + k * LN2_LOW))
    y = INFINITY if x == INFINITY else y
    y = -INFINITY if x == 0.0 else y
    return y if x >= 0.0 else NAN


@kernel
def tanh64(x: float) -> float:
    """q / (q + 2) with q = e²ᵃ − 1, a = min(|x|, 20), and the sign of x."""
    a = abs(x)
    a = a if a < 20.0 else 20.0
    double = a + a
    shifted = double * PER_LN2 + SHIFT
    n = shifted - SHIFT
    r = (double - n * LN2_HIGH) - n * LN2_LOW
    power = from_bits((bits(shifted) + _BIAS) << _WIDTH)
    q = (r * _series(r)) * power + (power - 1.0)
    y = from_bits(bits(q / (q + 2.0)) | (bits(x) & _SIGN))
    return y if x == x else NAN


@kernel
def sigmoid64(x: float) -> float:
    """1 / (1 + e⁻ˣ)."""
    return 1.0 / (1.0 + exp64(-x))


FARTHEST = 8388608.0
"""2²³: sine and cosine of anything beyond are NaN, for want of bits of π."""
_PER_HALF_PI = 0.6366197723675814
_HALF_PI_1, _HALF_PI_2, _HALF_PI_3 = 1.570796325802803, 9.920935791635221e-10, 5.170182981794105e-19
"""π / 2 in three parts; the first two have 30 bits, so that their products with a whole number below 2²³ are exact."""


@kernel
def _sine_series(r: float) -> float:
    """sin r for |r| ≤ π / 4: Taylor, down from r¹⁷ / 17!."""
    z = r * r
    p = 1.0 / 355687428096000.0
    p = p * z - 1.0 / 1307674368000.0
    p = p * z + 1.0 / 6227020800.0
    p = p * z - 1.0 / 39916800.0
    p = p * z + 1.0 / 362880.0
    p = p * z - 1.0 / 5040.0
    p = p * z + 1.0 / 120.0
    p = p * z - 1.0 / 6.0
    return r + r * (z * p)


@kernel
def _cosine_series(r: float) -> float:
    """cos r for |r| ≤ π / 4: Taylor, down from r¹⁶ / 16!."""
    z = r * r
    p = 1.0 / 20922789888000.0
    p = p * z - 1.0 / 87178291200.0
    p = p * z + 1.0 / 479001600.0
    p = p * z - 1.0 / 3628800.0
    p = p * z + 1.0 / 40320.0
    p = p * z - 1.0 / 720.0
    p = p * z + 1.0 / 24.0
    p = p * z - 0.5
    return 1.0 + z * p


@kernel
def _quarter_turned(x: float, quarters: np.uint64) -> float:
    """sin(x + quarters · π / 2): n = x / ½π rounded, r = x − n ½π, then the series that n + quarters asks for."""
    shifted = x * _PER_HALF_PI + SHIFT
    n = shifted - SHIFT
    r = ((x - n * _HALF_PI_1) - n * _HALF_PI_2) - n * _HALF_PI_3
    turn = bits(shifted) + quarters
    y = _cosine_series(r) if turn & _ODD else _sine_series(r)
    y = -y if turn & _BELOW else y
    return y if abs(x) <= FARTHEST else NAN


_NO_QUARTER, _ONE_QUARTER = np.uint64(0), np.uint64(1)
_ODD, _BELOW = np.uint64(1), np.uint64(2)


@kernel
def sin64(x: float) -> float:
    """Sine, for |x| ≤ 2²³."""
    return _quarter_turned(x, _NO_QUARTER)


@kernel
def cos64(x: float) -> float:
    """Cosine, for |x| ≤ 2²³."""
    return _quarter_turned(x, _ONE_QUARTER)


@kernel
def power64(base: float, exponent: float) -> float:
    """base ** exponent = e^(exponent · ln base), for base > 0."""
    return exp64(exponent * log64(base))


@kernel
def sqrt64(x: float) -> float:
    """The IEEE square root."""
    y = math.sqrt(x)
    return y if x >= 0.0 else NAN
