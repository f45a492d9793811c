"""What only a hostile stream can ask of the decoder's arithmetic."""

import numpy as np

from golfctl.coding.rans.compiled_loops import take_vector
from tests.oracles.rans import encode_words, plain


def test_an_escape_beyond_every_range_never_wraps_back_into_it():
    cum_S = np.minimum(np.arange(256) * 4096, 1 << 20)
    cum_S[255] = 1 << 20
    look = np.searchsorted(cum_S[1:], np.arange(256) << 12, side="right").astype(np.uint8)
    high, bucket, shift = 1 << 32, 319, 32  # high << shift is 2^64: in 64 bits it would be 0, and the code 5
    beyond = high - 126
    n = beyond.bit_length() - 1
    escape = [(int(cum_S[254]), int(cum_S[255] - cum_S[254])), *plain(n, 6), *plain(beyond - (1 << n), n)]
    data = encode_words([*escape, *plain(5 + (1 << shift >> 1), shift)], 1, 1)
    words = np.frombuffer(data, "<u4")
    state = np.uint64((int(words[0]) << 32) | int(words[1]))
    _, taken, values = take_vector(state, words[2:], 0, 1, bucket, cum_S.astype(np.uint32), look)
    assert taken < words.size - 2, "it is refused before its low bits are read"
    assert values[0] > 1 << 33
