"""Carried bytes: what of a text comes back from its tokens, found by holding each token against its span of the text.

A span whose decoded form is identical is carried; what is dropped, altered or swallowed by `<unk>` is not. The text is
cut again by the tokenizer, whose normaliser says where every character came from. Tokens that are not those of the text
count where both agree, and what they add is taken off again: no text can be carried by tokens that merely contain it.
No flag and no figure from a file takes part. N tokens of one document, raw and carried bytes of each.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golfctl.data.tokenizers.tokenizer import SPACE, Tokenizer
from golfctl.errors import DataError

Bytes = NDArray[np.int64]
LONGEST_MATCHED = 4096  # tokens; comparing takes time that grows with the square


class Account(NamedTuple):
    """Bytes of the text that each token of a document stands for, and those of them that it carries."""

    raw_N: Bytes
    carried_N: Bytes

    @property
    def raw(self) -> int:
        """Bytes of the text."""
        return int(self.raw_N.sum())

    @property
    def carried(self) -> int:
        """Bytes of the text that are carried."""
        return int(self.carried_N.sum())


def account(tokenizer: Tokenizer, ids: Sequence[int], text: bytes) -> Account:
    """Hold the tokens of one document against its text.

    Raises:
        DataError: an id outside the vocabulary. UnicodeDecodeError: `text` is no UTF-8.
    """
    parts = tokenizer.decode_each(ids)
    if b"".join(parts) == text:
        lengths_N = np.array([len(part) for part in parts], np.int64)
        return Account(lengths_N, lengths_N)
    encoded = _as_encoded(tokenizer, text.decode("utf-8"))
    if list(ids) == [tokenizer.bos, *encoded.ids]:
        found = Account(np.array([0, *encoded.raw], np.int64), np.array([0, *encoded.carried], np.int64))
    else:
        found = _where_both_agree(ids, parts, encoded, text)
    found.raw_N[0] += len(text) - found.raw  # a text that was dropped whole
    return found if found.carried > 0 else Account(found.raw_N, np.zeros_like(found.carried_N))


class Losses(NamedTuple):
    """What tokens do not carry of a text of `raw` bytes, and through what."""

    raw: int
    carried: int
    tokens: int
    unknown_tokens: int
    swallowed: int
    tokenizer: Tokenizer

    @classmethod
    def of(cls, found: Account, tokens_N: NDArray[np.integer], tokenizer: Tokenizer) -> "Losses":
        """Losses of a stream of tokens."""
        unknown_N = np.asarray(tokens_N) == (-1 if tokenizer.unk is None else tokenizer.unk)
        swallowed = int(found.raw_N[unknown_N].sum())
        return cls(found.raw, found.carried, len(tokens_N), int(unknown_N.sum()), swallowed, tokenizer)

    def plus(self, other: "Losses") -> "Losses":
        """Of both together."""
        return Losses(
            self.raw + other.raw, self.carried + other.carried, self.tokens + other.tokens,
            self.unknown_tokens + other.unknown_tokens, self.swallowed + other.swallowed, self.tokenizer,
        )  # fmt: skip

    @property
    def altered(self) -> int:
        """Bytes that are lost in other ways than to the unknown piece."""
        return self.raw - self.carried - self.swallowed

    def causes(self) -> list[str]:
        """What takes bytes from the text, each with how many; empty where all of them are carried."""
        found = []
        if self.unknown_tokens:
            share = f"{self.unknown_tokens:,} of {self.tokens:,} tokens ({self.unknown_tokens / self.tokens:.1%})"
            found.append(f"{share} are <unk>, which swallows {self._of_raw(self.swallowed)}")
        if self.altered and not self.tokenizer.normalization.identity:
            found.append(f"the {self.tokenizer.normalizer} normaliser is lossy: it hides {self._of_raw(self.altered)}")
        elif self.altered:
            found.append(f"{self._of_raw(self.altered)} do not come back from the tokens as they were")
        return found

    def _of_raw(self, lost: int) -> str:
        return f"{lost:,} of {self.raw:,} raw bytes ({lost / max(self.raw, 1):.2%})"


class _Encoded(NamedTuple):
    """The tokenizer's own tokens of a text, with the bytes of it that each stands for and carries."""

    ids: list[int]
    raw: list[int]
    carried: list[int]


def _as_encoded(tokenizer: Tokenizer, text: str) -> _Encoded:
    if tokenizer.reversible:
        ids = tokenizer.encode(text)
        lengths = [len(part) for part in tokenizer.decode_each(ids)]
        return _Encoded(ids, lengths, lengths)
    ids, pieces, normalised, offsets = tokenizer.spans(text)
    raw, carried = _characters(tokenizer, text, normalised, offsets)
    spent = _Encoded(ids, [], [])
    at = 0
    for span, places in _characters_of(tokenizer, ids, pieces):
        share = _shares(tokenizer, [ids[place] for place in places], sum(carried[at : at + span]))
        spent.raw.extend([sum(raw[at : at + span])] + [0] * (len(places) - 1))
        spent.carried.extend(share)
        at += span
    if at != len(normalised):
        raise DataError("the tokenizer's pieces do not make up its normalised text: the two cannot be held together")
    return spent


def _characters(tokenizer: Tokenizer, text: str, normalised: str, offsets: list[int]) -> tuple[list[int], list[int]]:
    """Raw and carried bytes of every normalised character, written at the first one of each span of the text."""
    raw, carried = [0] * len(normalised), [0] * len(normalised)
    first = 0
    for begin, group in groupby(offsets[: len(normalised)]):
        stop = first + len(list(group))
        end = offsets[stop] if stop < len(normalised) else len(text)
        span, form = text[begin:end], normalised[first:stop].replace(SPACE, " ")
        if not first and tokenizer.normalization.dummy_prefix and not tokenizer.normalization.space_as_suffix:
            form = form.removeprefix(" ")  # the tokenizer's own space
        raw[first] = len(text[begin if first else 0 : end].encode("utf-8"))  # with what was dropped before it
        if form in span:  # what else is in the span was dropped
            for place, character in zip(range(stop - len(form), stop), form, strict=True):
                carried[place] = len(character.encode("utf-8"))
        first = stop
    return raw, carried


def _characters_of(tokenizer: Tokenizer, ids: list[int], pieces: list[str]) -> Iterator[tuple[int, list[int]]]:
    """(number of normalised characters, places of the tokens that stand for them), in order."""
    spelt: list[int] = []
    wanted = 0
    for place, (i, piece) in enumerate(zip(ids, pieces, strict=True)):
        if not tokenizer.is_byte(i):
            yield len(piece), [place]
            continue
        if not spelt:
            wanted = _utf8_length(int(piece[1:-1], 16))
        spelt.append(place)
        if len(spelt) == wanted:
            yield 1, spelt
            spelt = []


def _utf8_length(lead: int) -> int:
    """Bytes of the UTF-8 character that begins with `lead`."""
    return 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def _shares(tokenizer: Tokenizer, ids: list[int], carried: int) -> list[int]:
    """The carried bytes of one piece, or of the byte pieces of one character, token by token."""
    if ids == [tokenizer.unk]:
        return [0]
    if len(ids) == carried:
        return [1] * carried
    return [carried] + [0] * (len(ids) - 1)


def _where_both_agree(ids: Sequence[int], parts: list[bytes], encoded: _Encoded, text: bytes) -> Account:
    """The account of tokens that are not those of the text: what both have in common counts."""
    raw_N, carried_N = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    ends, lengths_N = np.cumsum([0, *encoded.raw]), np.array([len(part) for part in parts], np.int64)
    for equal, i, i_end, j, j_end in _compared(encoded.ids, list(ids)):
        if equal:
            raw_N[j:j_end] = encoded.raw[i:i_end]
            carried_N[j:j_end] = np.minimum(encoded.carried[i:i_end], lengths_N[j:j_end])
            continue
        span, form = text[ends[i] : ends[i_end]], b"".join(parts[j:j_end])
        raw_N[min(j, len(ids) - 1)] += len(span)
        if form == span:  # the same text, cut otherwise
            carried_N[j:j_end] = lengths_N[j:j_end]
        elif j_end > j:
            carried_N[j] -= max(0, len(form) - len(span))
    return Account(raw_N, carried_N)


def _compared(one: list[int], other: list[int]) -> Iterator[tuple[bool, int, int, int, int]]:
    """Runs of two token lists, (equal, from, to, from, to): the common ends, and between them the longest runs.

    A stretch between the ends that is too long to be compared is one run in which nothing is equal.
    """
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    back = 0
    while back < min(len(one), len(other)) - begin and one[-1 - back] == other[-1 - back]:
        back += 1
    one_end, other_end = len(one) - back, len(other) - back
    yield True, 0, begin, 0, begin
    if max(one_end, other_end) - begin > LONGEST_MATCHED:
        yield False, begin, one_end, begin, other_end
    else:
        matcher = SequenceMatcher(None, one[begin:one_end], other[begin:other_end], autojunk=False)
        for kind, i, i_end, j, j_end in matcher.get_opcodes():
            yield kind == "equal", begin + i, begin + i_end, begin + j, begin + j_end
    yield True, one_end, len(one), other_end, len(other)
