"""Carried bytes: what of a text comes back from its tokens, found by holding each token against its span of the text.

A span whose decoded form is identical is carried; what is dropped, altered or swallowed by `<unk>` is not. The text is
cut again by the tokenizer, whose normaliser says where every character came from. Tokens that are not those of the text
count where both agree, and what they add is taken off again: no text can be carried by tokens that merely contain it.
No flag and no figure from a file takes part.

Shapes: N tokens of one document, T characters of its text, C characters of the normalised text, S spans of the text.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
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
    if len(ids) and ids[0] == tokenizer.bos:  # it stands for no text
        encoded = _Encoded([ids[0], *encoded.ids], np.append(0, encoded.raw_N), np.append(0, encoded.carried_N))
    if list(ids) == encoded.ids:
        found = Account(encoded.raw_N, encoded.carried_N)
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
        return max(0, self.raw - self.carried - self.swallowed)

    def causes(self) -> list[str]:
        """What takes bytes from the text, each with how many; empty where all of them are carried."""
        found = []
        if self.swallowed:
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
    raw_N: Bytes
    carried_N: Bytes


def _as_encoded(tokenizer: Tokenizer, text: str) -> _Encoded:
    if tokenizer.reversible:
        ids = tokenizer.encode(text)
        lengths_N = np.array([len(part) for part in tokenizer.decode_each(ids)], np.int64)
        return _Encoded(ids, lengths_N, lengths_N)
    ids, pieces, normalised, offsets = tokenizer.spans(text)
    raw_C, carried_C = _characters(tokenizer, text, normalised, offsets)
    spelt_N = np.array([tokenizer.byte_values[i] for i in ids], np.int64)  # -1: no byte piece
    length_N = np.array([len(piece) for piece in pieces], np.int64)
    span_N = np.where(spelt_N < 0, length_N, (spelt_N & 0xC0) != 0x80)  # characters of the normalised text
    if int(span_N.sum()) != len(normalised):
        raise DataError("the tokenizer's pieces do not make up its normalised text: the two cannot be held together")
    ends_N = np.cumsum(span_N)
    raw_N, carried_N = (np.diff(_running(bytes_C)[ends_N], prepend=0) for bytes_C in (raw_C, carried_C))
    carried_N[np.array(ids) == tokenizer.unk] = 0
    for at in np.flatnonzero((spelt_N >= 0) & (carried_N > 1)):  # a character in as many byte pieces
        carried_N[at : at + carried_N[at]] = 1
    return _Encoded(ids, raw_N, carried_N)


def _running(bytes_C: Bytes) -> Bytes:
    """Sums of the first 0, 1, … entries."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(bytes_C)])


def _characters(tokenizer: Tokenizer, text: str, normalised: str, offsets: list[int]) -> tuple[Bytes, Bytes]:
    """Raw and carried bytes of every normalised character [C]; raw ones at the first of each span of the text.

    Characters with one offset are the form of one span. A span that holds its form is that form and what was dropped.
    """
    form_C, text_T = _codes(normalised.replace(SPACE, " ")), _codes(text)
    raw_C, carried_C = np.zeros(len(form_C), np.int64), np.zeros(len(form_C), np.int64)
    if not len(form_C):
        return raw_C, carried_C
    size_T = _running(_utf8_sizes(text_T))
    first_S = np.flatnonzero(np.diff(offsets[: len(form_C)], prepend=-1))
    stop_S = np.append(first_S[1:], len(form_C))
    begin_S = np.array(offsets)[first_S]
    end_S = np.append(begin_S[1:], len(text))
    raw_C[first_S] = size_T[end_S] - size_T[np.append(0, begin_S[1:])]  # with what was dropped before the first one
    plain_S = (stop_S == first_S + 1) & (begin_S < end_S)
    plain_S &= text_T[np.minimum(begin_S, len(text) - 1)] == form_C[first_S]
    plain_S[0] = False  # a space of the tokenizer's own may stand before the text
    carried_C[first_S[plain_S]] = _utf8_sizes(form_C[first_S[plain_S]])
    own = tokenizer.normalization.dummy_prefix and not tokenizer.normalization.space_as_suffix
    for number in np.flatnonzero(~plain_S):
        form = normalised[first_S[number] : stop_S[number]].replace(SPACE, " ")
        if number == 0 and own:
            form = form.removeprefix(" ")
        if form in text[begin_S[number] : end_S[number]]:
            carried_C[stop_S[number] - len(form) : stop_S[number]] = _utf8_sizes(_codes(form))
    return raw_C, carried_C


def _codes(text: str) -> NDArray[np.uint32]:
    """Code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), "<u4")


def _utf8_sizes(codes: NDArray[np.uint32]) -> Bytes:
    """Bytes that each code point takes in UTF-8."""
    return np.searchsorted([0x80, 0x800, 0x10000], codes, side="right").astype(np.int64) + 1


def _where_both_agree(ids: Sequence[int], parts: list[bytes], encoded: _Encoded, text: bytes) -> Account:
    """The account of tokens that are not those of the text: what both have in common counts."""
    raw_N, carried_N = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    ends, lengths_N = _running(encoded.raw_N), np.array([len(part) for part in parts], np.int64)
    for equal, i, i_end, j, j_end in _compared(encoded.ids, list(ids)):
        if equal:
            raw_N[j:j_end] = encoded.raw_N[i:i_end]
            carried_N[j:j_end] = np.minimum(encoded.carried_N[i:i_end], lengths_N[j:j_end])
            continue
        span, form = text[ends[i] : ends[i_end]], b"".join(parts[j:j_end])
        if form == span:  # the same text, cut otherwise
            raw_N[j:j_end] = carried_N[j:j_end] = lengths_N[j:j_end]
            continue
        raw_N[min(j, len(ids) - 1)] += len(span)
        if j_end > j:
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
