"""Telling the processor which memory compiled code will need soon; results do not depend on it."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WRITE, _KEEP, _DATA = 1, 3, 1  # what for, how long, data or code: arguments of LLVM's instruction


@intrinsic
def _prefetch(typing_context: Any, array: Any, row: Any) -> Any:
    del typing_context, row

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, int32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        offset = builder.mul(arguments[1], builder.extract_value(made.strides, 0))
        kind = ir.FunctionType(ir.VoidType(), [byte, int32, int32, int32])
        instruction = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        flags = [ir.Constant(int32, flag) for flag in (_WRITE, _KEEP, _DATA)]
        builder.call(instruction, [builder.gep(builder.bitcast(made.data, byte), [offset]), *flags])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


prefetch: Any = _prefetch
"""prefetch(array, row), in compiled code: ask for the beginning of `array[row]`. Nothing checks that the row exists."""
