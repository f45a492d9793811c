"""Carried bytes against a heaviest common subsequence, over random tokenizers and texts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golfctl.data import carried
from golfctl.data.carried import Losses, account
from golfctl.data.tokenizers.byte_table import ByteTable
from tests.oracles.carried_bytes import carried_bytes
from tests.random_tokenizer import LETTERS, make, tokenizers

TEXT = st.text(st.sampled_from(LETTERS + "  x<>[]Ж"), max_size=24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rules")


@settings(max_examples=300, deadline=None)
@given(data=st.data(), text=TEXT)
def test_the_divisor_is_what_an_oracle_counts(folder, data, text):
    tokenizer, altered = data.draw(tokenizers(folder))
    ids = [tokenizer.bos, *tokenizer.encode(text)]
    found = account(tokenizer, ids, text.encode())
    decoded = tokenizer.decode_bytes(ids)
    assert found.raw == len(text.encode())
    assert found.carried == carried_bytes(text, decoded.decode(), altered)
    assert int(ByteTable.of(tokenizer).decoded_each(np.array(ids)).sum()) == len(decoded)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), text=TEXT, other=TEXT)
def test_tokens_of_another_text_carry_no_more_than_both_have_in_common(folder, data, text, other):
    tokenizer, altered = data.draw(tokenizers(folder))
    ids = [tokenizer.bos, *tokenizer.encode(other)]
    found = account(tokenizer, ids, text.encode())
    decoded = tokenizer.decode_bytes(ids).decode()
    assert found.raw == len(text.encode())
    assert 0 <= found.carried <= carried_bytes(text, decoded, altered if text != decoded else "")


def test_the_same_text_cut_otherwise_is_carried():
    tokenizer = make(["a", "b", "ab", " "])
    one = account(tokenizer, [1, *[tokenizer.encode(letter)[0] for letter in "abab"]], b"abab")
    assert tokenizer.encode("abab") != tokenizer.encode("a") + tokenizer.encode("b") and one.carried == 4


def test_pieces_that_decode_to_more_than_they_stand_for_carry_nothing():
    """The shards were cut by one model, and another that spells every piece twice lies beside them."""
    honest, inflated = make(["a", "b"], byte_fallback=False), make(["aa", "bb"], byte_fallback=False)
    ids = [1, *honest.encode("abba")]
    assert account(honest, ids, b"abba").carried == 4
    assert inflated.decode_bytes(ids) == b"aabbbbaa" and account(inflated, ids, b"abba").carried == 0


def test_tokens_that_merely_contain_the_text_do_not_carry_it():
    """Every letter becomes all letters: the text can be read out of the tokens, which say nothing of it."""
    tokenizer = make(list("abcd"), byte_fallback=False)
    ids = [1, *tokenizer.encode("abcd" * 6)]
    assert account(tokenizer, ids, b"cabdab").carried == 0


def test_a_long_stretch_of_other_tokens_counts_at_its_ends_alone(monkeypatch):
    tokenizer = make([*"abcd", "\u2581"], byte_fallback=False)
    text, other = "ab" * 9 + "cd" * 9 + "ab", "ab" * 9 + "dc" * 9 + "ab"
    ids = [1, *tokenizer.encode(other)]
    assert account(tokenizer, ids, text.encode()).carried == 18 + 17 + 2 - 1  # one letter is dropped, one is added
    monkeypatch.setattr(carried, "LONGEST_MATCHED", 8)
    found = account(tokenizer, ids, text.encode())
    assert (found.raw, found.carried) == (38, 18 + 2)


def test_white_space_that_is_dropped_or_altered_is_not_carried(lossy):
    text = " two  spaces\nand  a\ttab, \u2460 and \ufb01n "
    ids = [lossy.bos, *lossy.encode(text)]
    found = account(lossy, ids, text.encode())
    assert (found.raw, found.carried) == (len(text.encode()), carried_bytes(text, lossy.decode(ids), "\u2460\ufb01"))


def test_a_space_without_a_piece_is_one_byte_and_such_a_tokenizer_is_not_reversible():
    tokenizer = make([*"ab", "\u2581a"])
    ids = [1, *tokenizer.encode("a b a")]
    assert tokenizer.decode(ids) == "a b a" and not tokenizer.reversible and len(ids) > 6
    assert account(tokenizer, ids, b"a b a").carried_N.sum() == 5
    table = ByteTable.of(tokenizer)
    assert table.billed_total(np.array(ids)) == int(table.decoded_each(np.array(ids)).sum()) == 5
    mark = "a\u2581b".encode()  # it comes back as a space
    assert account(tokenizer, [1, *tokenizer.encode(mark.decode())], mark).carried == 2


def test_unknown_pieces_are_named_with_what_they_swallow():
    tokenizer = make([*"ab", "\u2581"], byte_fallback=False)
    text = "ab яя b"
    ids = [1, *tokenizer.encode(text)]
    losses = Losses.of(account(tokenizer, ids, text.encode()), np.array(ids), tokenizer)
    assert losses.causes() == ["1 of 7 tokens (14.3%) are <unk>, which swallows 4 of 9 raw bytes (44.44%)"]


def test_a_document_of_nothing_but_unknown_or_dropped_text_keeps_its_bytes():
    tokenizer = make(["a"], byte_fallback=False, remove_extra=True)
    for text in ("я", "   "):
        found = account(tokenizer, [1, *tokenizer.encode(text)], text.encode())
        assert (found.raw, found.carried) == (len(text.encode()), 0)
