"""Payloads of `rans/1` and `rans-lp/1` that break one rule each, by the plain encoder of `tests/oracles/rans.py`."""

from tests.oracles.rans import SHAPES, encode_words, events, plain, shift_of, table

M = SHAPES.index(6)
INT32 = (-(1 << 31), (1 << 31) - 1)
NARROW = (-128, 127)


def varint(n):
    return bytes([n]) if n < 128 else bytes([n % 128 + 128]) + varint(n // 128)


def zigzag(n):
    return varint(2 * n if n >= 0 else -2 * n - 1)


def header(flags=0, shape=M, offset=0, lo=-128, width=255, base=32, rows=0, columns=0):
    numbers = varint(flags) + bytes([shape]) + zigzag(offset) + zigzag(lo) + varint(width) + varint(base)
    return numbers + bytes([rows, columns])


def coded(values, bucket=32, bounds=NARROW):
    """Events of values under one table."""
    return [pair for value in values for pair in events(value, bucket, 6, *bounds, {})]


def raised(bits, rest, base=32, bounds=INT32):
    """A symbol 127 whose escape says `bits` plain bits; `rest` is their number, then the low bits of the shift."""
    cum = table(base, 6, *bounds)
    return [(cum[254], cum[255] - cum[254]), *plain(bits, 6), *plain(rest, bits), *plain(0, shift_of(base))]


def rans_payloads():
    """Coder, dtype, shape and payload by name; shapes are 1 × 3 unless the case needs another."""
    three = encode_words(coded([1, 0, -2]), 1, 3)
    found = {name: ("rans/1", "int8", (1, 3), head + three) for name, head in _headers().items()}
    found["rans-header--int32"] = ("rans/1", "int32", (1, 3), header(lo=-(1 << 31) - 1, offset=1) + three)
    found["rans-header--int32-top"] = ("rans/1", "int32", (1, 3), header(lo=0, width=1 << 31, offset=-1) + three)
    found["rans-header--predicted-offset"] = ("rans-lp/1", "int8", (1, 3), header(offset=1, lo=-9, width=9) + three)
    found["rans-header--predicted-low"] = ("rans-lp/1", "int8", (1, 3), header(lo=-129) + three)
    words = {
        "none": b"", "one": three[:4], "odd": three + b"\0", "left": three + bytes(4), "first-cut": three[:-4],
        "other-shape": encode_words(coded([1, 0, -2]), 3, 1),
    }  # fmt: skip
    found |= {f"rans-words--{name}": ("rans/1", "int8", (1, 3), header() + data) for name, data in words.items()}
    long = encode_words(coded([90] * 40), 1, 40)
    found["rans-words--missing"] = ("rans/1", "int8", (1, 40), header() + long[:-8])
    found["rans-words--predicted-left"] = ("rans-lp/1", "int8", (1, 3), header() + three + bytes(4))
    return found | _values()


def _headers():
    heads = {
        "flags": header(flags=1), "shape": header(shape=12), "shape-255": header(shape=255), "base": header(base=320),
        "rows": header(rows=131), "columns": header(columns=255), "long-number": b"\x80" * 6 + header(),
        "int8-low": header(offset=-1), "int8-high": header(offset=1),
    }  # fmt: skip
    return {f"rans-header--{name}": head for name, head in heads.items()}


def _values():
    spread, sum_of = 1 + 2 * 32, 2 + 2 * 32
    sides = {
        "row-spread": (header(rows=spread), coded([121], bounds=(-127, 127)) + coded([0, 0, 0])),
        "column-spread": (header(columns=spread), coded([0, -121, 0], bounds=(-127, 127)) + coded([0, 0, 0])),
        "column-sum": (header(columns=sum_of), coded([120, 1, -121], bounds=(-127, 127)) + coded([0, 0, 0])),
    }
    found = {
        f"rans-value--{name}": ("rans/1", "int8", (1, 3), head + encode_words(pairs, 1, 3))
        for name, (head, pairs) in sides.items()
    }
    narrow = header(lo=-2, width=3)
    found["rans-value--code"] = ("rans/1", "int8", (1, 3), header(width=254, lo=-128) + encode_words(_top(), 1, 3))
    found["rans-value--predicted-code"] = ("rans-lp/1", "int8", (1, 3), narrow + _predicted([1, 0, 5]))
    wide = header(lo=INT32[0], width=INT32[1] - INT32[0])
    far = header(lo=INT32[0], width=INT32[1] - INT32[0], base=128)  # shift 8
    escapes = {
        "escape-34-bits": (wide, raised(34, 0)),
        "escape-63-bits": (wide, raised(63, 0)),
        "symbol-beyond": (wide, raised(32, (1 << 32) - 1)),
        "code-beyond": (wide, raised(31, 0)),
        "shifted-to-zero": (far, raised(25, (1 << 25) - 126, base=128)),
    }
    for name, (head, pairs) in escapes.items():
        found[f"rans-value--{name}"] = ("rans/1", "int32", (1, 1), head + encode_words(pairs, 1, 1))
    return found


def _top():
    """Symbol 126, the last of lo … hi = −128 … 126, where an escape would be needed to say more: none is coded."""
    return coded([1, 0], bounds=(-128, 126)) + coded([-129], bounds=(-128, 126))


def _predicted(values):
    """A row under `rans-lp/1`: nothing is learned yet, so every prediction is 0 and the tables are not clipped."""
    return encode_words(coded(values, bounds=(-(1 << 40), 1 << 40)), 1, len(values))
