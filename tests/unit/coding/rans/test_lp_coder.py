"""rans-lp/1 against its plain-Python oracle, and the gain it exists for."""

import numpy as np
import pytest

from golfctl.coding import accepts, decode, encode
from golfctl.errors import ArtifactError
from tests.oracles.golf_rans_lp import decode_rows


def embedding(rows, columns, seed=0, directions=3):
    """Rows that share a few directions."""
    random = np.random.default_rng(seed)
    shared = random.normal(0, 4, (rows, directions)) @ random.normal(0, 1, (directions, columns))
    return np.rint(shared + random.normal(0, 3, (rows, columns))).clip(-127, 127).astype(np.int8)


def few_alike():
    """Columns alike in three rows of the first 32, so that learning runs over 64 bits and has to wrap."""
    random = np.random.default_rng(1)
    codes = np.zeros((90, 9), np.int8)
    codes[:3] = random.choice([-1, 1], (1, 9))
    codes[32:] = random.integers(-2, 3, (58, 9))
    codes[33] = random.integers(-120, 120, 9)
    return codes


CASES = {
    "few alike": few_alike(),
    "shared": embedding(110, 9),
    "short": embedding(20, 5),
    "twins": np.repeat(embedding(90, 3), 2, axis=1),
    "dead column": embedding(80, 6) * np.array([1, 0, 1, 1, 0, 1], np.int8),
    "constant": np.full((70, 4), -128, np.int8),
    "extremes": np.where(embedding(80, 5) > 0, 127, -128).astype(np.int8),
}


@pytest.mark.parametrize("name", CASES)
def test_the_oracle_decodes_it(name):
    codes = CASES[name]
    data = encode("rans-lp/1", codes)
    assert decode_rows(data, *codes.shape) == codes.tolist()
    assert (decode("rans-lp/1", data, np.int8, codes.shape) == codes).all()


def test_prediction_pays_where_rows_share_directions():
    codes = embedding(1500, 24)
    assert len(encode("rans-lp/1", codes)) < 0.9 * len(encode("rans/1", codes))


def test_prediction_costs_little_where_there_is_nothing_to_predict():
    codes = np.random.default_rng(0).normal(0, 6, (2000, 24)).round().astype(np.int8)
    assert len(encode("rans-lp/1", codes)) < 1.006 * len(encode("rans/1", codes))


def test_what_it_takes():
    assert accepts("rans-lp/1", np.int8, (8192, 512))
    for dtype, shape in [
        ("int16", (9, 9)),
        ("int8", (9,)),
        ("int8", (9, 1)),
        ("int8", (9, 2000)),
        ("int8", (1 << 20, 1024)),
    ]:
        assert not accepts("rans-lp/1", dtype, shape)


def test_a_header_that_lies_about_the_range():
    data = bytearray(encode("rans-lp/1", CASES["shared"]))
    data[3] = 127
    with pytest.raises(ArtifactError):
        decode("rans-lp/1", bytes(data), np.int8, CASES["shared"].shape)
