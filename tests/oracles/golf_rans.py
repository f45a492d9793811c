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


class Header:
    def __init__(self, payload):
        self.data = iter(payload)
        need(self.varint() == 0, "rans-header")
        self.m = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 1024)[self.byte(11)]
        self.offset, self.lo = self.zigzag(), self.zigzag()
        self.hi, self.base = self.lo + self.varint(), self.varint()
        self.rows, self.columns = self.byte(130), self.byte(130)
        need(self.base < 320 and self.lo >= -(2**31) and self.hi < 2**31, "rans-header")

    def byte(self, most=255):
        found = next(self.data, 256)
        need(found <= most, "rans-header")
        return found

    def varint(self, places=6):
        need(places > 0, "rans-header")
        return (found := self.byte()) % 128 + (128 * self.varint(places - 1) if found >= 128 else 0)

    def zigzag(self):
        return -(n + 1) // 2 if (n := self.varint()) & 1 else n // 2


class Words:
    def __init__(self, rest):
        need(len(rest) % 4 == 0 and len(rest) >= 8, "rans-words")
        self.left = [int.from_bytes(rest[i : i + 4], "little") for i in range(0, len(rest), 4)][::-1]
        self.x = self.left.pop() << 32 | self.left.pop()

    def take(self, start, freq):
        self.x = freq * (self.x >> 20) + self.x % 2**20 - start
        if self.x < 2**32:
            need(self.left, "rans-words")
            self.x = self.x << 32 | self.left.pop()

    def plain(self, n):
        if n > 16:
            return self.plain(16) + (self.plain(n - 16) << 16)
        value = self.x % 2**20 >> (20 - n)
        self.take(value << (20 - n), 1 << (20 - n))
        return value

    def value(self, b, m, lo, hi):
        slot, s = self.x % 2**20, shift(b)
        k, start, freq = next(row for row in table(b, m, lo, hi) if slot < row[1] + row[2])
        self.take(start, freq)
        if abs(k) == 127:
            n = self.plain(6)
            need(n <= 33, "rans-value")
            k += (2**n - 1 + self.plain(n)) * (1 if k > 0 else -1)
        need(abs(k) <= 2 ** (33 - s), "rans-value")
        return (k << s) + self.plain(s) - (1 << s >> 1)

    def spreads(self, flag, count):
        found = [0]
        for _ in range(count):
            value = self.value((flag - 1) >> 1, 6, -127, 127) if flag else 0
            found.append(value + (found[-1] if flag and flag % 2 == 0 else 0))
            need(abs(found[-1]) <= 120, "rans-value")
        return found[1:]


def decode(payload, dtype, shape):
    need(dtype in MOST_BITS, "coder-array")
    rows, columns = (shape[0], math.prod(shape[1:])) if len(shape) > 1 else (1, math.prod(shape))
    if rows * columns == 0:
        need(not payload, "payload")
        return b""
    h, signed, most = Header(payload), dtype[0] == "i", 2 ** MOST_BITS[dtype]
    need((-most if signed else 0) <= h.lo + h.offset and h.hi + h.offset < most, "rans-header")
    words, codes = Words(bytes(h.data)), []
    by_row, by_column = words.spreads(h.rows, rows), words.spreads(h.columns, columns)
    for spread in (r + c for r in by_row for c in by_column):
        codes.append(words.value(min(319, max(0, h.base + spread)), h.m, h.lo, h.hi))
        need(h.lo <= codes[-1] <= h.hi, "rans-value")
    need(words.x == 2**32 + (65536 * rows + columns) % 2**32 and not words.left, "rans-words")
    size = int(dtype.strip("uint")) // 8
    return b"".join((n + h.offset).to_bytes(size, "little", signed=signed) for n in codes)
