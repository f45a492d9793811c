"""Carried bytes against a heaviest common subsequence, over random tokenizers and texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golfctl.data.carried import account
from tests.oracles.carried_bytes import carried_bytes
from tests.random_tokenizer import LETTERS, tokenizers

TEXT = st.text(st.sampled_from(LETTERS + "  x<>[]Ж"), max_size=24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rules")


@settings(max_examples=400, deadline=None)
@given(data=st.data(), text=TEXT)
def test_the_divisor_is_what_an_oracle_counts(folder, data, text):
    tokenizer, altered = data.draw(tokenizers(folder))
    ids = [tokenizer.bos, *tokenizer.encode(text)]
    found = account(tokenizer, ids, text.encode())
    decoded = tokenizer.decode_bytes(ids).decode()
    assert found.raw == len(text.encode())
    assert found.carried == carried_bytes(text, decoded, altered)
