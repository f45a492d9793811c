"""Arithmetic with the same bits on every machine: kernels of a fixed order, and the guard that nothing else is used.

It lies below `model` and `scoring`, which both compute in it. docs/arithmetic.md defines every kernel.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from golfctl.arithmetic.kernels.elementwise import cos, exp, log, sigmoid, sin, sqrt, tanh
    from golfctl.arithmetic.kernels.gradients import add_by_cell, add_excess
    from golfctl.arithmetic.kernels.heads import align, rms, rotation
    from golfctl.arithmetic.kernels.key_ranges import key_ranges
    from golfctl.arithmetic.kernels.matrix import product
    from golfctl.arithmetic.kernels.ranged_attention import attend
    from golfctl.arithmetic.kernels.row_sums import (
        dot_last,
        entropy_of_log_rows,
        log_softmax,
        logsumexp,
        softmax,
        sum_last,
    )
    from golfctl.arithmetic.kernels.scalars import scalar_cos, scalar_exp, scalar_log, scalar_pow

VERSION = "portable/1"
"""Of the kernels' definitions: another version may give other bits."""

_HOMES = {
    "elementwise": ("cos", "exp", "log", "sigmoid", "sin", "sqrt", "tanh"),
    "gradients": ("add_by_cell", "add_excess"),
    "heads": ("align", "rms", "rotation"),
    "key_ranges": ("key_ranges",),
    "matrix": ("product",),
    "ranged_attention": ("attend",),
    "row_sums": ("dot_last", "entropy_of_log_rows", "log_softmax", "logsumexp", "softmax", "sum_last"),
    "scalars": ("scalar_cos", "scalar_exp", "scalar_log", "scalar_pow"),
}  # imported when they are asked for: numba takes half a second, and ordinary arithmetic does without

__all__ = [
    "VERSION",
    "add_by_cell",
    "add_excess",
    "align",
    "attend",
    "cos",
    "dot_last",
    "entropy_of_log_rows",
    "exp",
    "key_ranges",
    "log",
    "log_softmax",
    "logsumexp",
    "product",
    "rms",
    "rotation",
    "scalar_cos",
    "scalar_exp",
    "scalar_log",
    "scalar_pow",
    "sigmoid",
    "sin",
    "softmax",
    "sqrt",
    "sum_last",
    "tanh",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            globals()[name] = found = getattr(import_module(f"{__name__}.kernels.{home}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
