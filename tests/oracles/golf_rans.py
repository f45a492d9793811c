"""`rans/1` for the plain reader, written from docs/format/v1.md section 6 alone: at most 90 lines of code."""

import math
from functools import lru_cache

from tests.oracles.golf_reader import need

MOST_BITS = {"int8": 7, "uint8": 8, "int16": 15, "uint16": 16, "int32": 31}


def shift(b):
    return 0 if b <= 64 else (b - 57) // 8


@lru_cache(None)
def table(b, m, lo, hi):
    s, power = shift(b), 1 << 31
    g, half = b - 8 * s - 32, 1 << s >> 1
    a = 2 * m * (((65536, 77935, 92681, 110217)[g % 4] << (g // 4 + 10)) >> 16)
    mass = [0] * 255
    for i in range(4080):
        ratio, density, bits = (a << 31) // (a + (2 * i - 4079) ** 2), power, m
        while bits:
            density, ratio, bits = (density * ratio >> 31 if bits & 1 else density), ratio * ratio >> 31, bits >> 1
        mass[i // 16] += density
    low, high = (127 + min(127, max(-127, (end + half) >> s)) for end in (lo, hi))
    mass = [sum(mass[: low + 1]), *mass[low + 1 : high], sum(mass[high:])] if low < high else [sum(mass)]
    freq = [1 + w * (2**20 - len(mass)) // sum(mass) for w in mass]
    freq[mass.index(max(mass))] += 2**20 - sum(freq)
    return [(low - 127 + i, sum(freq[:i]), f) for i, f in enumerate(freq)]


def decode(payload, dtype, shape):
    need(dtype in MOST_BITS, "coder-array")
    data = iter(payload)
    rows, columns = (shape[0], math.prod(shape[1:])) if len(shape) > 1 else (1, math.prod(shape))
    if rows * columns == 0:
        need(not payload, "payload")
        return b""

    def byte(most=255):
        found = next(data, 256)
        need(found <= most, "rans-header")
        return found

    def varint(places=6):
        need(places > 0, "rans-header")
        return (found := byte()) % 128 + (128 * varint(places - 1) if found >= 128 else 0)

    def zigzag():
        return -(n + 1) // 2 if (n := varint()) & 1 else n // 2

    def word():
        need(words, "rans-words")
        return int.from_bytes(words.pop(), "little")

    def take(start, freq):
        nonlocal x
        x = freq * (x >> 20) + x % 2**20 - start
        x = x if x >= 2**32 else x << 32 | word()

    def plain(n):
        if n > 16:
            return plain(16) + (plain(n - 16) << 16)
        value = x % 2**20 >> (20 - n)
        take(value << (20 - n), 1 << (20 - n))
        return value

    def value(b, m, lo, hi):
        slot, s = x % 2**20, shift(b)
        k, start, freq = next(row for row in table(b, m, lo, hi) if slot < row[1] + row[2])
        take(start, freq)
        if abs(k) == 127:
            n = plain(6)
            need(n <= 33, "rans-value")
            k += (2**n - 1 + plain(n)) * (1 if k > 0 else -1)
        need(abs(k) <= 2 ** (33 - s), "rans-value")
        return (k << s) + plain(s) - (1 << s >> 1)

    def spreads(flag, count):
        found = []
        for _ in range(count):
            before = found[-1] if found and flag % 2 == 0 else 0
            found.append(before + value((flag - 1) >> 1, 6, -127, 127) if flag else 0)
            need(abs(found[-1]) <= 120, "rans-value")
        return found

    need(varint() == 0, "rans-header")
    m = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 1024)[byte(11)]
    offset, lo = zigzag(), zigzag()
    hi, base, row_flag, column_flag = lo + varint(), varint(), byte(130), byte(130)
    need(base < 320 and -(2**31) <= lo and hi < 2**31, "rans-header")
    least = -(2 ** MOST_BITS[dtype]) if dtype[0] == "i" else 0
    need(least <= lo + offset and hi + offset < 2 ** MOST_BITS[dtype], "rans-header")
    rest = bytes(data)
    need(len(rest) % 4 == 0 and len(rest) >= 8, "rans-words")
    words = [rest[i : i + 4] for i in range(0, len(rest), 4)][::-1]
    x = word() << 32 | word()
    by_row, by_column = spreads(row_flag, rows), spreads(column_flag, columns)
    codes = []
    for r in by_row:
        for c in by_column:
            codes.append(value(min(319, max(0, base + r + c)), m, lo, hi))
            need(lo <= codes[-1] <= hi, "rans-value")
    need(x == 2**32 + (65536 * rows + columns) % 2**32 and not words, "rans-words")
    signed, size = dtype[0] == "i", int(dtype.strip("uint")) // 8
    return b"".join((n + offset).to_bytes(size, "little", signed=signed) for n in codes)
