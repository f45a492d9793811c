"""The few fields of a SentencePiece model file that its library does not expose: how it normalises text.

The file is a protocol buffer (`sentencepiece_model.proto`, Apache-2.0 project, field numbers are facts of the format).
"""

from collections.abc import Iterator
from typing import NamedTuple

_TRAINER, _NORMALIZER = 2, 3
_NAME, _CHARSMAP, _DUMMY_PREFIX, _REMOVE_EXTRA, _ESCAPE, _RULES = 1, 2, 3, 4, 5, 6
_SUFFIX_SPACE = 24


class Normalization(NamedTuple):
    """How a tokenizer changes text before it looks for pieces; the last five are the format's own defaults."""

    name: str = ""
    rewrites: bool = False  # has character rules (anything but the identity)
    dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    escape_whitespaces: bool = True
    space_as_suffix: bool = False

    @property
    def identity(self) -> bool:
        """True when text reaches the pieces unchanged, apart from the escape of a space as U+2581."""
        changes = self.rewrites or self.dummy_prefix or self.remove_extra_whitespaces or self.space_as_suffix
        return self.escape_whitespaces and not changes


def read_normalization(proto: bytes) -> Normalization:
    """The normaliser part of a model file; raises ValueError when `proto` is no protocol buffer."""
    found = Normalization()
    for field, value in _fields(proto):
        if field == _NORMALIZER and isinstance(value, bytes):
            found = _normalizer(found, value)
        elif field == _TRAINER and isinstance(value, bytes):
            trainer = dict(_fields(value))
            found = found._replace(space_as_suffix=bool(trainer.get(_SUFFIX_SPACE, 0)))
    return found


def _normalizer(found: Normalization, data: bytes) -> Normalization:
    values = dict(_fields(data))
    name = values.get(_NAME, b"")
    return found._replace(
        name=name.decode("utf-8", "replace") if isinstance(name, bytes) else "",
        rewrites=bool(values.get(_CHARSMAP, b"")) or bool(values.get(_RULES, b"")),
        dummy_prefix=bool(values.get(_DUMMY_PREFIX, 1)),
        remove_extra_whitespaces=bool(values.get(_REMOVE_EXTRA, 1)),
        escape_whitespaces=bool(values.get(_ESCAPE, 1)),
    )


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of one message; fixed-width values are yielded as their bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            length, at = _varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"unknown wire type {kind}")
        if at + length > len(data):
            raise ValueError("a field runs past the end")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("an integer runs past the end")
