"""`rans/1` in plain Python, from section 6 of the format page: decoder (60 lines) and, given its choices, encoder."""

from tests.oracles.golf_reader import need

SHAPES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 1024)


def shift_of(bucket):
    return max(0, (bucket - 64 + 7) // 8)


def table(bucket, m, lo, hi, phase=0):
    """Cumulative frequencies of the 255 symbols -127 … 127, and 2^20 at the end."""
    shift = shift_of(bucket)
    quarter, half = bucket - 8 * shift - 32, (1 << shift) >> 1
    lo, hi = (min(max((end + half) >> shift, -127), 127) + 127 for end in (lo, hi))
    power = (65536, 77935, 92681, 110217)[quarter % 4]
    a = 2 * m * (power << quarter // 4 + 10 >> 16)
    density = []
    for x in range(-4079, 4080, 2):
        ratio, value, n = (a << 31) // (a + (x - 2 * phase) ** 2), 1 << 31, m
        while n:
            value, ratio, n = (value * ratio >> 31 if n & 1 else value), ratio * ratio >> 31, n >> 1
        density.append(value)
    mass = [sum(density[16 * i : 16 * i + 16]) for i in range(255)]
    inside = mass[lo : hi + 1]
    inside[0] += sum(mass[:lo])
    inside[-1] += sum(mass[hi + 1 :])
    share = [1 + w * ((1 << 20) - len(inside)) // sum(inside) for w in inside]
    share[inside.index(max(inside))] += (1 << 20) - sum(share)
    cum = [0] * (lo + 1)
    for f in share:
        cum.append(cum[-1] + f)
    return cum + [1 << 20] * (254 - hi)


class Decoder:
    def __init__(self, data):
        self.data, self.at = data, 0
        need(self.varint() == 0, "rans-header")
        self.m = SHAPES[self.byte(11)]
        self.offset, self.lo = self.zigzag(), self.zigzag()
        self.hi, self.base = self.lo + self.varint(), self.varint()
        self.sides = self.byte(130), self.byte(130)
        need(self.base < 320 and self.lo >= -(1 << 31) and self.hi < 1 << 31, "rans-header")
        left = len(data) - self.at
        need(left % 4 == 0 and left >= 8, "rans-words")
        self.tables, self.x = {}, self.word() << 32 | self.word()

    def byte(self, most=255):
        self.at += 1
        need(self.at <= len(self.data) and self.data[self.at - 1] <= most, "rans-header")
        return self.data[self.at - 1]

    def varint(self, places=6):
        need(places, "rans-header")
        b = self.byte()
        return b if b < 128 else b - 128 + (self.varint(places - 1) << 7)

    def zigzag(self):
        n = self.varint()
        return -(n + 1 >> 1) if n & 1 else n >> 1

    def word(self):
        self.at += 4
        need(self.at <= len(self.data), "rans-words")
        return int.from_bytes(self.data[self.at - 4 : self.at], "little")

    def take(self, start, freq):
        self.x = freq * (self.x >> 20) + (self.x & 0xFFFFF) - start
        if self.x < 1 << 32:
            self.x = self.x << 32 | self.word()

    def bits(self, n):
        if n > 16:
            low = self.bits(16)
            return low | self.bits(n - 16) << 16
        value = (self.x & 0xFFFFF) >> 20 - n
        self.take(value << 20 - n, 1 << 20 - n)
        return value

    def code(self, bucket, m, lo, hi, phase=0):
        key = bucket, m, lo, hi, phase
        cum = self.tables[key] = self.tables.get(key) or table(*key)
        slot, i = self.x & 0xFFFFF, 0
        while cum[i + 1] <= slot:
            i += 1
        self.take(cum[i], cum[i + 1] - cum[i])
        high, shift = i - 127, shift_of(bucket)
        if abs(high) == 127:
            n = self.bits(6)
            need(n <= 33, "rans-value")
            more = (1 << n) - 1 + self.bits(n)
            high += more if high > 0 else -more
        need(abs(high) <= 1 << 33 - shift, "rans-value")
        return (high << shift) + self.bits(shift) - ((1 << shift) >> 1)

    def side(self, flag, size):
        values, before = [], 0
        for _ in range(size):
            value = self.code((flag - 1) >> 1, 6, -127, 127) if flag else 0
            before = value + before if flag and (flag - 1) & 1 else value
            need(abs(before) <= 120, "rans-value")
            values.append(before)
        return values


def decode(data, rows, columns):
    """The codes as a list of rows."""
    d = Decoder(data)
    row_spreads, column_spreads = (d.side(flag, n) for flag, n in zip(d.sides, (rows, columns), strict=True))
    codes = []
    for r in row_spreads:
        buckets = [min(max(d.base + r + c, 0), 319) for c in column_spreads]
        codes.append([d.offset + d.code(b, d.m, d.lo, d.hi) for b in buckets])
    need(d.at == len(data) and d.x == (1 << 32) + ((rows << 16) + columns) % (1 << 32), "rans-words")
    return codes


def events(code, bucket, m, lo, hi, tables):
    """The (start, freq) pairs that code one integer, in decoding order."""
    key = bucket, m, lo, hi
    cum = tables[key] = tables.get(key) or table(*key)
    shift = shift_of(bucket)
    moved = code + ((1 << shift) >> 1)
    high = moved >> shift
    symbol = min(max(high, -127), 127) + 127
    found = [(cum[symbol], cum[symbol + 1] - cum[symbol])]
    if abs(high) >= 127:
        beyond = abs(high) - 126
        n = beyond.bit_length() - 1
        found += plain(n, 6) + plain(beyond - (1 << n), n)
    return found + plain(moved - (high << shift), shift)


def plain(value, n):
    if n > 16:
        return plain(value & 0xFFFF, 16) + plain(value >> 16, n - 16)
    return [(value << 20 - n, 1 << 20 - n)] if n else []


def encode_words(pairs, rows, columns):
    """The words of a stream whose decoding meets `pairs` in this order."""
    x, words = (1 << 32) + ((rows << 16) + columns) % (1 << 32), []
    for start, freq in reversed(pairs):
        if x >= freq << 44:
            words.append(x & 0xFFFFFFFF)
            x >>= 32
        x = (x // freq << 20) + x % freq + start
    words += [x & 0xFFFFFFFF, x >> 32]
    return b"".join(word.to_bytes(4, "little") for word in reversed(words))
