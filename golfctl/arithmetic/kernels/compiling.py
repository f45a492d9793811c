"""How the kernels are compiled, and the two casts that they need.

Every float operation is one IEEE operation, rounded on its own: no reordering, no fused multiplication and addition.
numba emits none of these unless `fastmath` is asked for, which nobody may do here.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from golfctl.core.machine.compiled import compiled


def kernel(function: Callable[..., Any]) -> Any:
    """A decorator: machine code that lets other threads run, and divides as IEEE says, without a branch."""
    return compiled(function, error_model="numpy", nogil=True)


@intrinsic
def _bits(typing_context: Any, value: Any) -> Any:
    del typing_context, value

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), generate


@intrinsic
def _from_bits(typing_context: Any, value: Any) -> Any:
    del typing_context, value

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), generate


bits: Any = _bits
"""bits(x), in compiled code: the 64 bits of a float64 as an unsigned integer."""
from_bits: Any = _from_bits
"""from_bits(u), in compiled code: the float64 with these 64 bits."""
