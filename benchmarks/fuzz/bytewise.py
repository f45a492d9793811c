"""Mutations of raw bytes: what storage, transfer and a careless hand do to a file."""

import random


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    """One to eight flipped bits."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def overwrite(rng: random.Random, data: bytes) -> bytes:
    """A run of up to 64 bytes replaced by zeros, ones or noise."""
    if not data:
        return data
    start = rng.randrange(len(data))
    length = min(rng.randint(1, 64), len(data) - start)
    fill = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length)])
    return data[:start] + fill + data[start + length :]


def truncate(rng: random.Random, data: bytes) -> bytes:
    """Cut anywhere."""
    return data[: rng.randrange(len(data) + 1)]


def extend(rng: random.Random, data: bytes) -> bytes:
    """A tail."""
    return data + rng.randbytes(rng.randint(1, 200))


def insert(rng: random.Random, data: bytes) -> bytes:
    """Bytes pushed in."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randint(1, 16)) + data[at:]


def delete(rng: random.Random, data: bytes) -> bytes:
    """Bytes taken out."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randint(1, 16) :]


def splice(rng: random.Random, data: bytes) -> bytes:
    """A piece of the data copied over another place of it."""
    if len(data) < 2:
        return data
    length = rng.randint(1, min(256, len(data) - 1))
    start, to = rng.randrange(len(data) - length), rng.randrange(len(data) - length)
    return data[:to] + data[start : start + length] + data[to + length :]


def number_lie(rng: random.Random, data: bytes) -> bytes:
    """A 2-, 4- or 8-byte little-endian field with a telling value, near the start more often."""
    size = rng.choice([2, 4, 8])
    if len(data) < size:
        return data
    at = rng.randrange(min(64, len(data) - size + 1)) if rng.random() < 0.7 else rng.randrange(len(data) - size + 1)
    top = 1 << 8 * size
    value = rng.choice([0, 1, top - 1, top >> 1, (top >> 1) - 1, len(data), len(data) + 1, rng.randrange(top)]) % top
    return data[:at] + value.to_bytes(size, "little") + data[at + size :]


BYTEWISE = (flip_bits, overwrite, truncate, extend, insert, delete, splice, number_lie)
