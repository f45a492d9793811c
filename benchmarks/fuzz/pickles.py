"""Pickle programs that lie: real ones changed instruction by instruction, random ones, and bombs."""

import pickletools
import random
import struct
from collections.abc import Callable

from benchmarks.fuzz.bytewise import BYTEWISE

Rng = random.Random
_NAMES = (
    b"torch._utils\n_rebuild_tensor_v2", b"torch._utils\n_rebuild_tensor_v3", b"torch._utils\n_rebuild_parameter",
    b"torch\nFloatStorage", b"torch\nBFloat16Storage", b"torch\nfloat8_e4m3fn", b"torch\nComplexFloatStorage",
    b"torch.storage\nUntypedStorage", b"collections\nOrderedDict", b"torch\nSize", b"posix\nsystem",
    b"builtins\neval", b"a\x1b[31m\nb", b"x" * 300 + b"\ny",
)  # fmt: skip
_TEXTS = ("", "w", "model", "storage", "0", "cpu", "tok_emb.weight", "\x1b[31m\u202e", "x" * 2000, "é\U0001f4a3")
_LONGEST_BYTES = 4 << 20  # of a program before it is changed once more
_RARE = 0.01  # of the cases that cost a second each
_LENGTHS = (0, 1, 5, 255, 1 << 16, (1 << 31) - 1, (1 << 32) - 1)


def _short(code: int, payload: Callable[[Rng], bytes]) -> Callable[[Rng], bytes]:
    return lambda rng: bytes([code]) + payload(rng)


def _text(rng: Rng) -> bytes:
    raw = rng.choice(_TEXTS).encode()
    length = rng.choice(_LENGTHS) if rng.random() < 0.05 else len(raw)
    return struct.pack("<I", length) + raw


def _integer(rng: Rng) -> bytes:
    length = rng.choice([0, 1, 4, 8, 9, 255])
    return bytes([length]) + rng.randbytes(length)


# One instruction with arguments that mostly make sense; the codes are those of the pickle documentation.
_INSTRUCTIONS: tuple[Callable[[Rng], bytes], ...] = (
    *(_short(code, lambda rng: b"") for code in b"()}]NQRabestu\x85\x86\x87\x88\x89\x94\x93.\x8f\x90\x91\x920122"),
    *(_short(code, lambda rng: b"") for code in b"(()}]]NNQRusat\x85\x86\x94"),
    *(_short(code, lambda rng: bytes([rng.choice([0, 1, 2, 3, 7, 255])])) for code in b"KqhqhqhqhK"),
    *(_short(code, lambda rng: struct.pack("<I", rng.choice([0, 1, 3, 1 << 31, (1 << 32) - 1]))) for code in b"rjJ"),
    _short(0x47, lambda rng: rng.randbytes(8)),  # BINFLOAT
    _short(0x58, _text),  # BINUNICODE
    _short(0x58, _text),
    _short(0x8A, _integer),  # LONG1
    _short(0x8B, lambda rng: struct.pack("<i", rng.choice([-1, 4, 1 << 30])) + b"abcd"),  # LONG4
    _short(0x8D, lambda rng: struct.pack("<Q", rng.choice([1, 1 << 40, 1 << 63])) + b"a"),  # BINUNICODE8
    _short(0x95, lambda rng: struct.pack("<Q", rng.choice([0, 4, 1 << 20, 1 << 63]))),  # FRAME
    _short(0x63, lambda rng: rng.choice(_NAMES) + b"\n"),  # GLOBAL
    _short(0x63, lambda rng: rng.choice(_NAMES) + b"\n"),
)


def _tensor(rng: Rng, dimensions: int) -> bytes:
    """The call that makes a tensor, of a shape that may be anything."""
    value = [0, 1, 2, 3, 8, 1 << 20, 1 << 40, (1 << 62) + 1]
    sizes = [b"".join(_number(rng.choice(value)) for _ in range(dimensions)) for _ in range(2)]
    kind = rng.choice(_NAMES[3:6])
    storage = b"(X\x07\0\0\0storagec" + kind + b"\nX\x01\0\0\x000X\x03\0\0\0cpuK\x08tQ"
    place = _number(rng.choice([0, 1, 1 << 40])) + b"(" + sizes[0] + b"t(" + sizes[1] + b"t"
    return b"c" + _NAMES[0] + b"\n(" + storage + place + b"\x89}tR"


def _number(value: int) -> bytes:
    raw = value.to_bytes(9, "little")
    return b"\x8a\x09" + raw


def _random_program(rng: Rng) -> bytes:
    return b"".join(rng.choice(_INSTRUCTIONS)(rng) for _ in range(rng.choice([3, 10, 30, 100]))) + b"."


def _tensors(rng: Rng) -> bytes:
    pieces = [
        b"X" + struct.pack("<I", 1) + bytes([97 + i]) + _tensor(rng, rng.choice([0, 1, 2, 3, 8, 9, 64, 65, 100]))
        for i in range(rng.choice([1, 2, 5]))
    ]
    return b"}(" + b"".join(pieces) + b"u."


def _deep(rng: Rng) -> bytes:
    """Containers in containers, as a value, a key, an argument or something to call."""
    depth = 300_000 if rng.random() < _RARE else rng.choice([10, 50, 70, 1000])
    inside = rng.choice([b"N" + b"\x85" * depth, b"N" + b"Q" * depth, b"(" * depth + b"t" * depth])
    return rng.choice([b"}" + inside + b"Ns.", inside + b".", inside + b")R.", b"}Nq\0" + inside + b"b."])


def _doubling(rng: Rng) -> bytes:
    """A value that holds the one before it twice: of endless size once walked."""
    rounds = rng.choice([20, 60, 2000]) if rng.random() < _RARE else rng.choice([2, 5, 8])
    step = rng.choice([b"h\0h\0\x86q\0", b"](h\0h\0eq\0", b"}(K\0h\0K\1h\0uq\0"])
    value = b"Nq\0" + step * rounds
    return rng.choice([b"}" + value + b"Ns.", value + b".", value + b")R.", b"}Nq\0K\0" + value + b"s."])


def _cycle(rng: Rng) -> bytes:
    return rng.choice([b"]q\0h\0a.", b"}q\0K\0h\0s.", b"]q\0h\0\x85a.", b"}q\0h\0b.", b"}q\0h\0h\0s."])


def _many(rng: Rng) -> bytes:
    """One instruction so often that time or memory could run out."""
    unit = rng.choice(
        [
            b"N",
            b"}",
            b"]",
            b"(",
            b"}K\0Ns",
            b"]Na",
            b"N\x94",
            b"X\4\0\0\0abcd",
            b"ctorch\nSize\n",
            b"\x8a\x09" + bytes(9),
        ]
    )
    return unit * (450_000 if rng.random() < _RARE else rng.choice([100, 2000])) + b"."


def _colliding(rng: Rng) -> bytes:
    """Keys whose hashes are all equal: each costs as much as all before it."""
    modulus = (1 << 61) - 1
    keys = (
        b"\x8a\x0b" + (i * modulus).to_bytes(11, "little") + b"N"
        for i in range(20_000 if rng.random() < _RARE else 100)
    )
    return b"}(" + b"".join(keys) + b"u."


GENERATED = (_random_program, _random_program, _tensors, _tensors, _deep, _doubling, _cycle, _many, _colliding)


def generated(rng: Rng) -> bytes:
    """A program from nothing."""
    return b"\x80" + bytes([rng.choice([2, 2, 2, 3, 4, 5])]) + rng.choice(GENERATED)(rng)


def changed(rng: Rng, program: bytes) -> bytes:
    """A program with a few instructions left out, repeated, moved, replaced or put in."""
    if rng.random() < 0.2:
        return rng.choice(BYTEWISE)(rng, program)
    try:
        starts = [at for _, _, at in pickletools.genops(program) if at is not None]
    except ValueError:
        return rng.choice(BYTEWISE)(rng, program)
    pieces = [program[a:b] for a, b in zip(starts, [*starts[1:], len(program)], strict=True)]
    for _ in range(rng.choice([1, 1, 2, 4])):
        i, j = rng.randrange(len(pieces)), rng.randrange(len(pieces))
        new = rng.choice(_INSTRUCTIONS)(rng)
        pieces = rng.choice(
            [
                pieces[:i] + pieces[i + 1 :] or pieces,
                [*pieces[:i], new, *pieces[i:]],
                [*pieces[:i], new, *pieces[i + 1 :]],
                [*pieces[:i], pieces[j], *pieces[i:]],
                [*pieces[:i], pieces[j], *pieces[i + 1 :]],
                [*pieces[:i], *pieces[i:] * rng.choice([1, 2, 50])],
            ]
        )
        if sum(map(len, pieces)) > _LONGEST_BYTES:  # fifty times fifty
            break
    return b"".join(pieces)
