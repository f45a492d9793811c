"""The inner loops of products and attention, as LLVM instructions on vectors, so that sums stay in registers.

A vector of W floats stands for W separate sums: on a processor with shorter registers it takes several of them, on one
with longer registers a part. Each operation rounds on its own, none is reordered. Arrays are flat float32 memory;
places and strides count floats. Nothing checks bounds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_FLOAT, _INDEX = ir.FloatType(), ir.IntType(64)
COLUMNS = 32
"""Of a block of packed weights."""
AT_ONCE = COLUMNS if binding.get_host_cpu_features().get("avx512f") else COLUMNS // 2
"""Columns of 4 rows whose sums stay in registers: 8 of 512 bits, or 8 of 256. Results do not depend on it."""
PARTS = 16
"""Partial sums of a score."""
KEYS = 4
"""Keys scored together."""


class _Code:
    """Vector instructions put behind each other."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder

    def zero(self, width: int) -> ir.Value:
        return ir.Constant(ir.VectorType(_FLOAT, width), [ir.Constant(_FLOAT, 0.0)] * width)

    def load(self, data: ir.Value, place: ir.Value, width: int) -> ir.Value:
        return self.builder.load(self._at(data, place, width), align=4)

    def store(self, value: ir.Value, data: ir.Value, place: ir.Value) -> None:
        self.builder.store(value, self._at(data, place, value.type.count), align=4)

    def _at(self, data: ir.Value, place: ir.Value, width: int) -> ir.Value:
        return self.builder.bitcast(self.builder.gep(data, [place]), ir.VectorType(_FLOAT, width).as_pointer())

    def spread(self, data: ir.Value, place: ir.Value, width: int) -> ir.Value:
        """One float, `width` times."""
        value = self.builder.load(self.builder.gep(data, [place]))
        nothing = ir.Constant(ir.VectorType(_FLOAT, width), ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        return self._pick(first, first, [0] * width)

    def add_product(self, sum_: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        """sum + a · b, rounded twice."""
        return self.builder.fadd(sum_, self.builder.fmul(a, b))

    def place(self, start: ir.Value, index: ir.Value | int, stride: ir.Value | int) -> ir.Value:
        """start + index · stride."""
        wide = [_INDEX(value) if isinstance(value, int) else value for value in (index, stride)]
        return self.builder.add(start, self.builder.mul(*wide))

    def folded(self, parts: list[ir.Value]) -> ir.Value:
        """The trees of 4 vectors of 16 partial sums: j takes j + 8, then j + 4, j + 2, j + 1."""
        low, high = list(range(8)), list(range(8, 16))
        a, b, c, d = (self._sum(part, part, low, high) for part in parts)
        pair = ([0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15])
        ab, cd = self._sum(a, b, *pair), self._sum(c, d, *pair)
        abcd = self._sum(ab, cd, [0, 1, 4, 5, 8, 9, 12, 13], [2, 3, 6, 7, 10, 11, 14, 15])
        return self._sum(abcd, abcd, [0, 2, 4, 6], [1, 3, 5, 7])

    def _sum(self, a: ir.Value, b: ir.Value, left: list[int], right: list[int]) -> ir.Value:
        return self.builder.fadd(self._pick(a, b, left), self._pick(a, b, right))

    def _pick(self, a: ir.Value, b: ir.Value, places: list[int]) -> ir.Value:
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
        return self.builder.shuffle_vector(a, b, mask)

    def sums(self, count: ir.Value, start: list[ir.Value], step: Callable[..., list[ir.Value]]) -> list[ir.Value]:
        """What `step(index, sums)` makes of the sums, for index 0 to `count`."""
        kept = [cgutils.alloca_once_value(self.builder, value) for value in start]
        with cgutils.for_range(self.builder, count) as loop:
            for place, value in zip(kept, step(loop.index, [self.builder.load(p) for p in kept]), strict=True):
                self.builder.store(value, place)
        return [self.builder.load(place) for place in kept]


class _Flat(NamedTuple):
    """A flat array and a place in it."""

    data: ir.Value
    place: ir.Value


def _tile(arrays: int, numbers: int, write: Callable[..., None]) -> Any:
    """An intrinsic of (array, place) and so on, then numbers; `write(code, flats, numbers)` puts its code down."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flats = []
        for i in range(0, 2 * arrays, 2):
            array = context.make_array(signature.args[i])(context, builder, arguments[i])
            flats.append(_Flat(array.data, arguments[i + 1]))
        write(_Code(builder), flats, arguments[2 * arrays :])
        return context.get_dummy_value()

    flat = types.Array(types.float32, 1, "C")
    return types.void(*[flat, types.int64] * arrays, *[types.int64] * numbers), generate


def _write_product(rows: int, width: int) -> Callable[..., None]:
    def write(code: _Code, flats: list[_Flat], numbers: list[ir.Value]) -> None:
        x, w, y = flats
        count, x_stride, y_stride = numbers

        def columns(first: int) -> list[ir.Value]:
            """The sums of columns `first` to `first + width`, by row."""
            start = code.builder.add(w.place, _INDEX(first))

            def step(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
                weights = code.load(w.data, code.place(start, k, COLUMNS), width)
                starts = [code.place(code.builder.add(x.place, k), row, x_stride) for row in range(rows)]
                return [
                    code.add_product(sum_, code.spread(x.data, start, width), weights)
                    for sum_, start in zip(sums, starts, strict=True)
                ]

            return code.sums(count, [code.zero(width)] * rows, step)

        for first in range(0, COLUMNS, width):
            for row, value in enumerate(columns(first)):
                code.store(value, y.data, code.place(code.builder.add(y.place, _INDEX(first)), row, y_stride))

    return write


@intrinsic
def _product_of_4(typing_context, x, x_place, w, w_place, y, y_place, count, x_stride, y_stride):  # type: ignore[no-untyped-def]
    return _tile(3, 3, _write_product(4, AT_ONCE))


product_of_4: Any = _product_of_4
"""y[row, 0:32] = Σ x[row, k] · w[k, 0:32] for 4 rows; k in order from 0."""


@intrinsic
def _product_of_1(typing_context, x, x_place, w, w_place, y, y_place, count, x_stride, y_stride):  # type: ignore[no-untyped-def]
    return _tile(3, 3, _write_product(1, COLUMNS))


product_of_1: Any = _product_of_1
"""The same for 1 row."""


def _write_scores(code: _Code, flats: list[_Flat], numbers: list[ir.Value]) -> None:
    q, k, score = flats
    chunks, k_stride = numbers

    def step(chunk: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
        query = code.load(q.data, code.place(q.place, chunk, PARTS), PARTS)
        starts = [code.place(code.place(k.place, chunk, PARTS), key, k_stride) for key in range(KEYS)]
        return [
            code.add_product(sum_, query, code.load(k.data, start, PARTS))
            for sum_, start in zip(sums, starts, strict=True)
        ]

    code.store(code.folded(code.sums(chunks, [code.zero(PARTS)] * KEYS, step)), score.data, score.place)


@intrinsic
def _scores_of_4(typing_context, q, q_place, k, k_place, score, score_place, chunks, k_stride):  # type: ignore[no-untyped-def]
    return _tile(3, 2, _write_scores)


scores_of_4: Any = _scores_of_4
"""score[0:4] = Σ q[i] · k[key, i] for 4 keys, over `chunks` times 16 dimensions, by 16 partial sums and a tree."""


def _write_values(width: int) -> Callable[..., None]:
    def write(code: _Code, flats: list[_Flat], numbers: list[ir.Value]) -> None:
        share, v, y = flats
        keys, v_stride = numbers

        def step(key: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            value = code.load(v.data, code.place(v.place, key, v_stride), width)
            return [code.add_product(sums[0], code.spread(share.data, code.place(share.place, key, 1), width), value)]

        (total,) = code.sums(keys, [code.zero(width)], step)
        code.store(total, y.data, y.place)

    return write


@intrinsic
def _values_of_64(typing_context, share, share_place, v, v_place, y, y_place, keys, v_stride):  # type: ignore[no-untyped-def]
    return _tile(3, 2, _write_values(64))


values_of_64: Any = _values_of_64
"""y[0:64] = Σ share[key] · v[key, 0:64], keys in order from the first."""


@intrinsic
def _values_of_32(typing_context, share, share_place, v, v_place, y, y_place, keys, v_stride):  # type: ignore[no-untyped-def]
    return _tile(3, 2, _write_values(32))


values_of_32: Any = _values_of_32
"""The same for 32 dimensions."""


@intrinsic
def _values_of_16(typing_context, share, share_place, v, v_place, y, y_place, keys, v_stride):  # type: ignore[no-untyped-def]
    return _tile(3, 2, _write_values(16))


values_of_16: Any = _values_of_16
"""The same for 16 dimensions."""
