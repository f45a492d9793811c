"""Portable arithmetic as docs/arithmetic.md defines it, written out with numpy's single operations and Python floats.

Python floats and numpy's + - * / and sqrt are IEEE operations, each rounded on its own.
"""

import math

import numpy as np

LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10


def exp(x: float) -> float:
    if math.isnan(x):
        return math.nan
    if x < -708.0 or x > 709.0:
        return 0.0 if x < 0 else math.inf
    n = (x * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    z = r * r
    even, odd = 1 / math.factorial(13), 1 / math.factorial(12)
    for k in (11, 9, 7, 5, 3, 1):
        even = even * z + 1 / math.factorial(k)
    for k in (10, 8, 6, 4, 2):
        odd = odd * z + 1 / math.factorial(k)
    return (r * (even + r * odd) + 1.0) * 2.0 ** int(n)


def tree_sum(term_N: np.ndarray) -> np.float64:
    part = [np.float64(0.0)] * 16
    for i, term in enumerate(term_N):
        part[i % 16] = part[i % 16] + term
    return _tree(part)


def _tree(part: list) -> np.floating:
    for width in (8, 4, 2, 1):
        part = [part[j] + part[j + width] for j in range(width)]
    return part[0]


def softmax(x_V: np.ndarray) -> np.ndarray:
    wide = x_V.astype(np.float64)
    term = np.array([exp(float(x)) for x in wide - wide.max()])
    return (term * (1.0 / tree_sum(term))).astype(x_V.dtype)


def product(x_NI: np.ndarray, weight_OI: np.ndarray) -> np.ndarray:
    y = np.zeros((len(x_NI), len(weight_OI)), np.float32)
    for i in range(x_NI.shape[1]):
        y = y + x_NI[:, i : i + 1] * weight_OI[None, :, i]
    return y


def attend(q_BTHd, k_BSKd, v_BSKd, low_BT, high_BT):
    (batch, length, heads, size), groups = q_BTHd.shape, k_BSKd.shape[2]
    y = np.zeros_like(q_BTHd)
    for b, t, h in np.ndindex(batch, length, heads):
        low, high, g = low_BT[b, t], high_BT[b, t], h // (heads // groups)
        if low == high:
            continue
        score = np.array([_score(q_BTHd[b, t, h], k_BSKd[b, s, g]) for s in range(low, high)]).astype(np.float64)
        scale = 1.0 / math.sqrt(size)
        term = np.array([exp(float(x)) for x in (score - score.max()) * scale])
        total = np.zeros(size, np.float32)
        for s in range(low, high):
            total = total + term[s - low].astype(np.float32) * v_BSKd[b, s, g]
        y[b, t, h] = (total.astype(np.float64) * (1.0 / tree_sum(term))).astype(np.float32)
    return y


def _score(q_d: np.ndarray, k_d: np.ndarray) -> np.float32:
    part = [np.float32(0.0)] * 16
    for i in range(len(q_d)):
        part[i % 16] = part[i % 16] + q_d[i] * k_d[i]
    return _tree(part)


def _factor(x_D: np.ndarray) -> float:
    wide = x_D.astype(np.float64)
    return 1.0 / math.sqrt(tree_sum(wide * wide) / len(x_D) + 2.0**-23)


def rms(x: np.ndarray, scale: float) -> np.ndarray:
    rows = x.reshape(-1, x.shape[-1])
    return np.array([(row.astype(np.float64) * (scale * _factor(row))).astype(np.float32) for row in rows]).reshape(
        x.shape
    )


def align(x_BTHd: np.ndarray, cos_Tr: np.ndarray, sin_Tr: np.ndarray, gain_H: np.ndarray) -> np.ndarray:
    y, half = np.zeros_like(x_BTHd), cos_Tr.shape[1]
    for b, t, h in np.ndindex(x_BTHd.shape[:3]):
        wide = x_BTHd[b, t, h].astype(np.float64) * (np.float64(gain_H[h]) * _factor(x_BTHd[b, t, h]))
        a, c, cos, sin = wide[:half], wide[half : 2 * half], cos_Tr[t].astype(np.float64), sin_Tr[t].astype(np.float64)
        y[b, t, h] = np.concatenate((a * cos + c * sin, c * cos - a * sin, wide[2 * half :])).astype(np.float32)
    return y
