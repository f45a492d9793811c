"""What tokens do not bring back of a text: patches that turn the tokens' bytes into the text's.

Stored as columns: the number of patches, then for each the bytes kept before it, then for each the bytes it removes,
then for each the bytes it puts in their place, all as LEB128 numbers; then the bytes that are put in, end to end.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from golfctl.codec.text_format.text_rules import fail


class Patch(NamedTuple):
    """Keep `kept` bytes, then put `inserted` in the place of `removed` bytes."""

    kept: int
    removed: int
    inserted: bytes


def find_patches(parts: Sequence[bytes], spans: Sequence[int], text: bytes) -> list[Patch]:
    """Patches from the tokens' bytes to `text`; token i stands for the next `spans[i]` bytes of it."""
    patches: list[Patch] = []
    kept = 0
    for form, span in _differing(parts, spans, text):
        if form == span:
            kept += len(form)
            continue
        front = _common(form, span)
        back = _common(form[front:][::-1], span[front:][::-1])
        end = len(span) - back
        patches.append(Patch(kept + front, len(form) - front - back, span[front:end]))
        kept = back
    return patches


def _differing(parts: Sequence[bytes], spans: Sequence[int], text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Runs of tokens with their bytes and those of the text: equal ones singly, others as long as they last."""
    at, form, span = 0, [], []
    for part, length in zip(parts, spans, strict=True):
        piece = text[at : at + length]
        at += length
        if part != piece:
            form.append(part)
            span.append(piece)
            continue
        if form:
            yield b"".join(form), b"".join(span)
            form, span = [], []
        yield part, piece
    if form or at < len(text):
        yield b"".join(form), b"".join(span) + text[at:]


def _common(one: bytes, other: bytes) -> int:
    """Bytes that two begin with in common."""
    return next((i for i, (a, b) in enumerate(zip_longest(one, other)) if a != b), len(one))


def apply_patches(form: bytes, patches: Sequence[Patch]) -> bytes:
    """The text; raises TextRuleError for patches that lie outside of `form`."""
    at, out = 0, []
    for patch in patches:
        out += [form[at : at + patch.kept], patch.inserted]
        at += patch.kept + patch.removed
        if at > len(form):
            fail("patches", f"patches within {len(form):,} bytes", f"one that ends at {at:,}")
    return b"".join([*out, form[at:]])


def pack_patches(patches: Sequence[Patch]) -> bytes:
    """The stored form."""
    numbers = [
        len(patches),
        *(p.kept for p in patches),
        *(p.removed for p in patches),
        *(len(p.inserted) for p in patches),
    ]
    return b"".join([*map(_leb128, numbers), *(p.inserted for p in patches)])


def unpack_patches(data: bytes) -> list[Patch]:
    """The patches of a stored form; raises TextRuleError where it is none."""
    count, at = _number(data, 0)
    if 3 * count > len(data):
        fail("patches", f"at most {len(data) // 3:,} patches", count)
    numbers = []
    for _ in range(3 * count):
        number, at = _number(data, at)
        numbers.append(number)
    patches = []
    for kept, removed, size in zip(*(numbers[i * count : (i + 1) * count] for i in range(3)), strict=True):
        patches.append(Patch(kept, removed, data[at : at + size]))
        at += size
    if at != len(data):
        fail("patches", f"{at:,} bytes of patches", f"{len(data):,} bytes")
    return patches


def _leb128(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _number(data: bytes, at: int) -> tuple[int, int]:
    """The LEB128 number at `at`, of at most 5 bytes, and what follows it."""
    number = 0
    for place in range(5):
        if at + place >= len(data):
            break
        byte = data[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    fail("patches", "a number of at most 5 bytes", "none")
