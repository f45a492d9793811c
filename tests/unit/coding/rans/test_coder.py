"""rans/1 against the plain-Python oracle, its bounds, and the gain it exists for."""

import hashlib
import lzma

import numpy as np
import pytest

from golfctl.coding import decode, encode
from golfctl.coding.rans.coder import encode_matrix
from golfctl.coding.rans.distributions import SHAPES, bucket_range, costs, frequencies, masses, shift_of
from golfctl.errors import ArtifactError, UsageError
from tests.oracles import rans as oracle


def weights(rows, columns, scale=3.0, row_spread=0.2, column_spread=0.8, seed=0):
    random = np.random.default_rng(seed)
    spread = np.exp(random.normal(0, row_spread, (rows, 1)) + random.normal(0, column_spread, (1, columns)))
    return np.rint(random.normal(0, scale, (rows, columns)) * spread).astype(np.int32)


CASES = {
    "plain": weights(24, 30),
    "no-spread": weights(24, 30, row_spread=0, column_spread=0),
    "wide": weights(20, 24, scale=4000.0, column_spread=2.0),
    "outliers": np.where(np.arange(600).reshape(20, 30) % 97 == 5, 1 << 24, weights(20, 30)).astype(np.int32),
    "full-range": np.random.default_rng(1).integers(-(2**31), 2**31, (6, 7)).astype(np.int32),
    "offset": weights(10, 12) + 90,
    "constant": np.full((5, 9), -128, np.int32),
    "one": np.array([[7]], np.int32),
    "smooth-rows": (weights(40, 30) * np.exp2(np.arange(40) / 8)[:, None]).astype(np.int32),
}


@pytest.mark.parametrize("name", CASES)
def test_the_oracle_decodes_it(name):
    codes = CASES[name]
    data = encode("rans/1", codes)
    assert oracle.decode(data, *codes.shape) == codes.tolist()
    assert (decode("rans/1", data, np.int32, codes.shape) == codes).all()


@pytest.mark.parametrize("name", ["plain", "wide", "outliers"])
def test_the_oracle_encodes_the_same_words(name):
    codes = CASES[name]
    data = encode("rans/1", codes)
    d = oracle.Decoder(data)
    words_at, tables, pairs = d.at - 8, {}, []
    sides = [d.side(flag, n) for flag, n in zip(d.sides, codes.shape, strict=True)]
    for flag, values in zip(d.sides, sides, strict=True):
        before = 0
        for value in values if flag else []:
            step = value - before if (flag - 1) & 1 else value
            pairs += oracle.events(step, (flag - 1) >> 1, 6, -127, 127, tables)
            before = value
    for r, row in zip(sides[0], codes.tolist(), strict=True):
        for c, code in zip(sides[1], row, strict=True):
            bucket = min(max(d.base + r + c, 0), 319)
            pairs += oracle.events(code - d.offset, bucket, d.m, d.lo, d.hi, tables)
    assert oracle.encode_words(pairs, *codes.shape) == data[words_at:]


@pytest.mark.parametrize("bucket", [0, 31, 64, 65, 72, 100, 319])
@pytest.mark.parametrize("m", [1, 6, 1024])
def test_tables_are_those_of_the_oracle(bucket, m):
    lo, hi = -31, 1 << 20
    freq = frequencies(masses(bucket - 8 * shift_of(bucket), m, 0), *bucket_range(bucket, lo, hi))
    assert np.concatenate([[0], np.cumsum(freq)]).tolist() == oracle.table(bucket, m, lo, hi)


def test_tables_never_change():
    """Every frequency of every table: a change here breaks files that exist."""
    digest = hashlib.sha256()
    for m in SHAPES:
        for bucket in range(65):
            digest.update(frequencies(masses(bucket, m, 0), -127, 127).astype("<u4").tobytes())
    assert digest.hexdigest() == "f70f23359f4e8af5651f5bda764571f172fdae972d53d1808a7def6a5e2ba3de"


def test_code_lengths_are_logarithms():
    freq = frequencies(masses(40, 8, 0), -31, 31)
    wanted = (20 - np.log2(freq[freq > 0])) * 1024
    assert np.abs(costs(np.array([40]), 8, -31, 31)[40][freq > 0] - wanted).max() < 0.51


def test_column_spread_is_worth_what_it_should_be():
    codes = weights(256, 512, scale=3.0, row_spread=0.0, column_spread=0.8).clip(-31, 31).astype(np.int8)
    counts = np.unique(codes, return_counts=True)[1]
    order_0 = -(counts * np.log2(counts / codes.size)).sum() / 8
    size = len(encode("rans/1", codes))
    assert size < 0.92 * order_0
    assert size < 0.87 * len(lzma.compress(codes.tobytes(), preset=9))


def test_useless_spreads_are_not_sent():
    codes = weights(64, 64, row_spread=0, column_spread=0)
    assert oracle.Decoder(encode("rans/1", codes)).sides == (0, 0)


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [(0, 1, "feature"), (1, 12, "header byte"), (4, 255, "damaged|bounds|fit|header"), (6, 200, "header byte")],
)
def test_header_lies_are_named(position, value, message):
    data = bytearray(encode("rans/1", CASES["plain"].astype(np.int8)))
    data[position] = value
    with pytest.raises(ArtifactError, match=message):
        decode("rans/1", bytes(data), np.int8, CASES["plain"].shape)


def test_codes_beyond_the_dtype_are_refused():
    data = encode("rans/1", CASES["wide"])
    with pytest.raises(ArtifactError, match="do not fit int8"):
        decode("rans/1", data, np.int8, CASES["wide"].shape)


def test_floats_are_not_taken():
    with pytest.raises(UsageError, match="float32"):
        encode("rans/1", np.zeros((3, 3), np.float32))


def test_a_nearly_empty_matrix_takes_a_few_bytes():
    codes = np.zeros((4, 60_000), np.int8)
    codes[1, [5, 70, 999]] = [1, -2, 100]
    data = encode("rans/1", codes)
    assert len(data) < 120
    assert (decode("rans/1", data, np.int8, codes.shape) == codes).all()


def test_a_huge_shape_with_a_small_stream_fails_at_once():
    data = encode("rans/1", CASES["plain"])
    with pytest.raises(ArtifactError):
        decode("rans/1", data, np.int8, (60_000, 60_000))


def test_encoding_does_not_change_its_input():
    codes = CASES["plain"].copy()
    encode_matrix(codes)
    assert (codes == CASES["plain"]).all()
