"""The elementary functions of every value of a tensor: computed in float64, rounded once to the tensor's dtype."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from golfctl.arithmetic.kernels.arrays import kernel_call, values, work
from golfctl.arithmetic.kernels.compiling import kernel
from golfctl.arithmetic.kernels.elementary import cos64, exp64, log64, sigmoid64, sin64, sqrt64, tanh64

_COST = 16
"""Operations of one value, about."""


@kernel
def _exp(first: int, stop: int, x_N: np.ndarray, y_N: np.ndarray) -> None:
    x_N, y_N = x_N[first:stop], y_N[first:stop]
    for i in range(x_N.size):
        y_N[i] = exp64(np.float64(x_N[i]))


@kernel
def _log(first: int, stop: int, x_N: np.ndarray, y_N: np.ndarray) -> None:
    x_N, y_N = x_N[first:stop], y_N[first:stop]
    for i in range(x_N.size):
        y_N[i] = log64(np.float64(x_N[i]))


@kernel
def _tanh(first: int, stop: int, x_N: np.ndarray, y_N: np.ndarray) -> None:
    x_N, y_N = x_N[first:stop], y_N[first:stop]
    for i in range(x_N.size):
        y_N[i] = tanh64(np.float64(x_N[i]))


@kernel
def _sigmoid(first: int, stop: int, x_N: np.ndarray, y_N: np.ndarray) -> None:
    x_N, y_N = x_N[first:stop], y_N[first:stop]
    for i in range(x_N.size):
        y_N[i] = sigmoid64(np.float64(x_N[i]))


@kernel
def _sin(first: int, stop: int, x_N: np.ndarray, y_N: np.ndarray) -> None:
    x_N, y_N = x_N[first:stop], y_N[first:stop]
    for i in range(x_N.size):
        y_N[i] = sin64(np.float64(x_N[i]))


@kernel
def _cos(first: int, stop: int, x_N: np.ndarray, y_N: np.ndarray) -> None:
    x_N, y_N = x_N[first:stop], y_N[first:stop]
    for i in range(x_N.size):
        y_N[i] = cos64(np.float64(x_N[i]))


@kernel
def _sqrt(first: int, stop: int, x_N: np.ndarray, y_N: np.ndarray) -> None:
    x_N, y_N = x_N[first:stop], y_N[first:stop]
    for i in range(x_N.size):
        y_N[i] = sqrt64(np.float64(x_N[i]))


def _every(function: Any, x: Tensor) -> Tensor:
    x_N = values(x).reshape(-1)
    y_N = np.empty_like(x_N)
    work(function, len(x_N), _COST, x_N, y_N)
    return torch.from_numpy(y_N.reshape(x.shape))


@kernel_call
def exp(x: Tensor) -> Tensor:
    """Exponential; 0 below −708, infinite above 709."""
    return _every(_exp, x)


@kernel_call
def log(x: Tensor) -> Tensor:
    """Natural logarithm; −∞ at 0, NaN below."""
    return _every(_log, x)


@kernel_call
def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return _every(_tanh, x)


@kernel_call
def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ)."""
    return _every(_sigmoid, x)


@kernel_call
def sin(x: Tensor) -> Tensor:
    """Sine; NaN beyond ±2²³."""
    return _every(_sin, x)


@kernel_call
def cos(x: Tensor) -> Tensor:
    """Cosine; NaN beyond ±2²³."""
    return _every(_cos, x)


@kernel_call
def sqrt(x: Tensor) -> Tensor:
    """Square root, IEEE."""
    return _every(_sqrt, x)
