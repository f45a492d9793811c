"""The default chunk of test-time training against a search through all powers of two."""

import math

from hypothesis import given
from hypothesis import strategies as st

from golfctl.scoring.config import EvalConfig
from golfctl.scoring.neural.ttt import default_chunk


def searched(rows, seq_len):
    fits = [2**k for k in range(40) if math.ceil(rows / 2**k) >= 8]
    return max(min(32768, max(fits, default=0)), seq_len)


@given(st.integers(1, 2_000_000), st.integers(1, 5000))
def test_the_default_chunk_is_what_a_search_finds(rows, seq_len):
    assert default_chunk(rows, seq_len)[0] == searched(rows, seq_len)


def test_every_short_text():
    for rows in range(1, 600):
        assert default_chunk(rows, 1)[0] == searched(rows, 1)


def test_the_reason_tells_the_cases_apart():
    assert default_chunk(62_000_000, 1024) == (32768, "as in PR #549: 62,000,000 targets give 1,893 chunks")
    assert default_chunk(30_000, 256) == (
        4096, "the largest power of two that gives at least 8 chunks: 30,000 targets give 8 chunks",
    )  # fmt: skip
    chunk, why = default_chunk(3000, 1024)
    assert chunk == 1024 and "3,000 targets give 3 chunks, for 8 they are too few" in why
    assert default_chunk(10, 1024)[1].endswith("10 targets give 1 chunk, for 8 they are too few")


def test_no_chunk_is_the_default_and_adapters_take_none():
    assert EvalConfig.from_dict({"ttt": {}}).ttt.chunk is None
    assert EvalConfig.from_dict({"ttt": {"chunk": 32768}}).ttt.chunk == 32768
