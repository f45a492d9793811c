"""The loops without a compiler give what the compiled ones give: codes, state, words taken, and verdict."""

import numpy as np
import pytest

from golfctl.coding import decode, encode
from golfctl.coding.rans import loops as rans_loops
from golfctl.coding.rans.compiled_loops import take_matrix, take_vector
from golfctl.coding.rans.lp_compiled_loops import take_predicted
from golfctl.coding.rans.lp_plain_loops import take_predicted as plain_predicted
from golfctl.coding.rans.plain_loops import take_matrix as plain_matrix
from golfctl.coding.rans.plain_loops import take_vector as plain_vector
from golfctl.errors import ArtifactError
from tests.unit.coding.rans.test_coder import CASES, weights

ROWS = np.random.default_rng(3)
PREDICTED = {
    "related": np.clip(np.rint(ROWS.normal(0, 9, (300, 6)) @ ROWS.normal(0, 1, (6, 40))), -128, 127).astype(np.int8),
    "short": weights(31, 5).astype(np.int8),
    "wide-spread": np.clip(weights(120, 9, scale=60.0), -128, 127).astype(np.int8),
    "constant": np.full((90, 3), 7, np.int8),
}


class Both:
    """Calls both loops, on copies, and holds their results together."""

    def __init__(self, compiled, plain):
        self._loops, self.calls = (compiled, plain), 0

    def __call__(self, *arguments):
        self.calls += 1
        given = [[a.copy() if isinstance(a, np.ndarray) else a for a in arguments] for _ in self._loops]
        found = [loop(*own) for loop, own in zip(self._loops, given, strict=True)]
        for one, other in zip(*found, strict=True):
            np.testing.assert_array_equal(one, other)
        for one, other, original in zip(*given, arguments, strict=True):
            np.testing.assert_array_equal(one, other)
            if isinstance(original, np.ndarray) and original.flags.writeable:
                original[...] = one
        return found[0]


@pytest.fixture
def both(monkeypatch):
    loops = {
        "take_vector": Both(take_vector, plain_vector),
        "take_matrix": Both(take_matrix, plain_matrix),
        "take_predicted": Both(take_predicted, plain_predicted),
    }
    for name, loop in loops.items():
        monkeypatch.setattr(rans_loops, name, loop)
    return loops


@pytest.mark.parametrize("name", CASES)
def test_matrices(name, both):
    data = encode("rans/1", CASES[name])
    assert (decode("rans/1", data, np.int32, CASES[name].shape) == CASES[name]).all()
    assert both["take_matrix"].calls == 1


@pytest.mark.parametrize("name", PREDICTED)
def test_predicted_matrices(name, both):
    data = encode("rans-lp/1", PREDICTED[name])
    assert (decode("rans-lp/1", data, np.int8, PREDICTED[name].shape) == PREDICTED[name]).all()
    assert both["take_predicted"].calls == 1


@pytest.mark.parametrize(("coder", "codes"), [("rans/1", CASES["wide"]), ("rans/1", CASES["outliers"]),
                                              ("rans-lp/1", PREDICTED["related"])])  # fmt: skip
def test_damaged_streams_end_alike(coder, codes, both):
    data, random = encode(coder, codes), np.random.default_rng(5)
    rejected = 0
    for _ in range(60):
        torn = bytearray(data[: len(data) - 4 * int(random.integers(0, 3))])
        for at in random.integers(12, len(torn), 2):
            torn[at] ^= 1 << int(random.integers(8))
        try:
            decode(coder, bytes(torn), codes.dtype, codes.shape)
        except ArtifactError:
            rejected += 1
    assert rejected > 50
    assert both["take_matrix"].calls + both["take_predicted"].calls > 30
