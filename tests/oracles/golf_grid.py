"""`grid/1` for the plain reader, written from docs/format/v1.md section 5 alone."""

import math
import struct

from tests.oracles.golf_reader import need

ROOTS = struct.unpack(">4f", bytes.fromhex("3F8000003F9837F03FB504F33FD744FD"))


def f32(x):
    """The nearest 32-bit float; the product of two of them is exact in the 64-bit floats of Python."""
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.inf


def power(k):
    return math.ldexp(ROOTS[k % 4], k // 4)


def weights(shape, parts):
    need(parts.keys() == {"codes", "rows", "columns", "step"} and len(shape) == 2, "parts")
    found = {name: (dtype, part_shape) for name, (dtype, part_shape, _) in parts.items()}
    need(found["codes"][0] in ("int8", "int16", "int32") and found["codes"][1] == shape, "parts")
    need(found["rows"] == ("int8", shape[:1]) and found["columns"] == ("int8", shape[1:]), "parts")
    codes, rows, columns, step = (parts[name][2] for name in ("codes", "rows", "columns", "step"))
    need(found["step"] == ("float32", [1]), "parts")
    need(math.isfinite(step[0]) and step[0] > 0, "values")
    need(all(abs(code) <= 1 << 24 for code in codes), "values")
    by_row = [f32(step[0] * power(k)) for k in rows]
    by_column = [power(k) for k in columns]
    return [f32(f32(code * by_column[i % shape[1]]) * by_row[i // shape[1]]) for i, code in enumerate(codes)]
