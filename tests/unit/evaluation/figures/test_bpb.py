import math

import numpy as np
import pytest

from golfctl.errors import DataError
from golfctl.evaluation.figures.bpb import ratio_stderr, score
from golfctl.evaluation.stream import Stream


def stream():
    tokens_N = np.array([1, 5, 6, 1, 7, 8, 9], np.uint16)
    return Stream.of_arrays(tokens_N, np.array([0, 3]), np.array([4, 12]), np.array([0, 2, 3, 0, 4, 4, 5]), "d")


def test_bits_are_divided_by_raw_and_by_billed_bytes():
    nll_R = np.full(6, math.log(2))
    found = score(stream(), nll_R)
    assert (found.val_bpb, found.val_bpb_billed) == (6 / 16, 6 / 18)
    assert (found.tokens, found.raw_bytes, found.billed_bytes) == (6, 16, 18)
    assert found.val_loss == pytest.approx(math.log(2))


def test_a_target_belongs_to_the_document_it_stands_in():
    assert stream().per_document(np.array([1.0, 2, 4, 8, 16, 32])).tolist() == [3.0, 60.0]


def test_standard_error_equals_the_jackknife_to_first_order():
    rng = np.random.default_rng(0)
    bytes_D = rng.integers(500, 5000, 300)
    bits_D = bytes_D * rng.normal(1.2, 0.1, 300)
    left_out = [(bits_D.sum() - b) / (bytes_D.sum() - n) for b, n in zip(bits_D, bytes_D, strict=True)]
    jackknife = math.sqrt(299 / 300 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    assert ratio_stderr(bits_D, bytes_D) == pytest.approx(jackknife, rel=0.01)
    assert ratio_stderr(bits_D[:1], bytes_D[:1]) is None


def test_the_first_documents_alone():
    head = stream().head(1)
    assert head.rows == 2 and head.raw_bytes_D.tolist() == [4] and head.digest != stream().digest
    assert stream().head(5) is not None and stream().head(5).rows == 6


@pytest.mark.parametrize(
    ("tokens", "starts", "raw", "message"),
    [([1], [0], [3], "at least 2"), ([1, 2], [1], [3], "start at token 0"), ([1, 2], [0], [0], "no bytes")],
)
def test_streams_that_cannot_be_scored_are_refused(tokens, starts, raw, message):
    with pytest.raises(DataError, match=message):
        Stream.of_arrays(np.array(tokens), np.array(starts), np.array(raw), np.zeros(len(tokens)), "d")
