"""`grid/1`: unbounded integers on a grid whose step varies by row and column; the layout of entropy-coded quantisation.

R rows, C columns. One step per matrix, times a power of two to a quarter for each row and each column:

    W[r, c] = (codes[r, c] · column[c]) · row[r],   column[c] = 2^(columns[c]/4),   row[r] = step · 2^(rows[r]/4)

Each product is one float32 multiplication, in the order written, with `2^(k/4)` = `POWERS[k mod 4]` · 2^⌊k/4⌋; the four
constants are float32 numbers given by their bits, so every machine decodes the same values.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golfctl.core.decoding_rules import DecodingError
from golfctl.quant.tensor import PartSpec, Shape, matrix_shape

OCTAVE = 4  # exponents per factor of two
POWERS = np.array([0x3F800000, 0x3F9837F0, 0x3FB504F3, 0x3FD744FD], np.uint32).view(np.float32)
CODE_LIMIT = 1 << 24  # integers up to here are exact in float32


def power(exponents: np.ndarray) -> np.ndarray:
    """2^(k/4) as float32, exactly as the format says."""
    whole, quarter = np.divmod(exponents.astype(np.int32), OCTAVE)
    return np.ldexp(POWERS[quarter], whole)


@dataclass(frozen=True)
class GridLayout:
    """`codes` of the smallest signed type that holds them, `rows` and `columns` (exponents), and one `step`."""

    scheme: str = "grid/1"

    def part_specs(self, shape: Shape) -> dict[str, PartSpec]:
        """`codes` [R, C], `rows` int8 [R], `columns` int8 [C], `step` fp32 [1]."""
        rows, columns = matrix_shape(self.scheme, shape)
        return {
            "codes": PartSpec(("int8", "int16", "int32"), (rows, columns)),
            "rows": PartSpec(("int8",), (rows,)),
            "columns": PartSpec(("int8",), (columns,)),
            "step": PartSpec(("float32",), (1,)),
        }

    def dequantize(self, shape: Shape, parts: Mapping[str, np.ndarray]) -> np.ndarray:
        """Codes times column factors times row factors."""
        codes_RC, step = parts["codes"], parts["step"]
        if codes_RC.dtype == np.int32 and max(int(codes_RC.max()), -int(codes_RC.min())) > CODE_LIMIT:
            raise DecodingError("values", f"{self.scheme}: a code lies beyond ±{CODE_LIMIT:,}")
        if not (np.isfinite(step[0]) and step[0] > 0):
            raise DecodingError("values", f"{self.scheme}: the step must be finite and above zero, found {step[0]}")
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            row_R = step * power(parts["rows"])
            weight_RC = codes_RC.astype(np.float32)
            weight_RC *= power(parts["columns"])  # in place: a reader's memory is bounded by the weights it holds
            weight_RC *= row_R[:, None]
        if not (np.isfinite(weight_RC.max()) and np.isfinite(weight_RC.min())):
            raise DecodingError("values", f"{self.scheme}: a weight overflows float32")
        return weight_RC


GRID = GridLayout()
