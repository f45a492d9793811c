"""`rans-lp/1` for the plain reader, written from docs/format/v1.md section 6.3: 60 lines on top of `rans/1`."""

from math import isqrt

from tests.oracles.golf_reader import need
from tests.oracles.rans import Decoder

FAR = 1 << 40


def wrapped(n):
    """Modulo 2^64 to −2^63 … 2^63 − 1."""
    return (n + (1 << 63)) % (1 << 64) - (1 << 63)


def slopes(rows):
    """L of the shrunk correlations of the rows so far, in the codes' own scale with 12 bits of fraction."""
    size, count = len(rows[0]), len(rows)
    sums = [[sum(row[i] * row[j] for row in rows) for j in range(i + 1)] for i in range(size)]
    root = [max(1, isqrt(sums[i][i])) for i in range(size)]
    v, low, result = [[0] * size for _ in range(size)], [[0] * size for _ in range(size)], []
    for i in range(size):
        result.append([])
        for j in range(i):
            total = (sums[i][j] << 20) // (root[i] * root[j]) * count // (count + size)
            v[i][j] = wrapped(total - (wrapped(sum(low[i][k] * v[j][k] for k in range(j))) >> 20))
            low[i][j] = wrapped(v[i][j] << 20) // v[j][j]
            slope = wrapped((low[i][j] >> 8) * root[i]) // root[j]
            result[i].append(min(max(slope, -(1 << 19)), 1 << 19))
        v[i][i] = max(wrapped((1 << 20) - (wrapped(sum(low[i][k] * v[i][k] for k in range(i))) >> 20)), 1 << 10)
    return result


def decode_rows(data, rows, columns):
    d = Decoder(data)
    need(d.offset == 0 and d.lo >= -128 and d.hi <= 127, "rans-header")
    row_spreads, column_spreads = (d.side(flag, n) for flag, n in zip(d.sides, (rows, columns), strict=True))
    codes, slope, due = [], [[0] * columns] * columns, 32
    for r, row_spread in enumerate(row_spreads):
        if r == due:
            slope, due = slopes(codes), r + (r + 1) // 2
        errors, row = [], []
        for c, column_spread in enumerate(column_spreads):
            p = sum(a * b for a, b in zip(slope[c], errors, strict=False)) >> 12
            p = min(max(p, d.lo << 12), d.hi << 12)
            step = (p + 128) >> 8
            centre = (step + 8) >> 4
            b = min(max(d.base + row_spread + column_spread, 0), 319)
            row.append(centre + d.code(b, d.m, -FAR, FAR, step - 16 * centre if b <= 64 else 0))
            need(d.lo <= row[c] <= d.hi, "rans-value")
            errors.append((row[c] << 12) - p)
        codes.append(row)
    need(d.at == len(data) and d.x == (1 << 32) + ((rows << 16) + columns) % (1 << 32), "rans-words")
    return codes


def decode(payload, dtype, shape):
    need(dtype == "int8" and len(shape) == 2 and 2 <= shape[1] <= 1024, "coder-array")
    need(shape[0] * shape[1] <= 1 << 28 and shape[0] * shape[1] ** 2 <= 1 << 33, "coder-array")
    return b"".join(
        code.to_bytes(1, "little", signed=True) for row in decode_rows(bytes(payload), *shape) for code in row
    )
