"""The row coder against exact arithmetic, at its edges, and its loss."""

import numpy as np
import pytest
import torch

from golfctl.codec.rows.row_coder import RowDecoder, RowEncoder, masses
from golfctl.codec.text_format.text_rules import TextRuleError
from golfctl.errors import NumericsError
from tests.oracles import range_coding


def rows_of(rng, steps, lanes, vocab, sharpness):
    logits = torch.from_numpy(rng.normal(size=(steps, lanes, vocab)) * sharpness)
    return torch.log_softmax(logits, -1).float()


def likely_targets(rng, rows_SKV):
    flat = rows_SKV.exp().double().reshape(-1, rows_SKV.shape[-1])
    drawn = torch.multinomial(flat, 1, generator=torch.Generator().manual_seed(int(rng.integers(1 << 30))))
    return drawn.reshape(rows_SKV.shape[:2]).numpy()


def encoded(rows_SKV, targets_SK):
    coder = RowEncoder()
    for rows_KV, targets_K in zip(rows_SKV, targets_SK, strict=True):
        coder.encode(rows_KV, targets_K)
    return coder.finish()


def decoded(rows_SKV, payload):
    coder = RowDecoder(payload)
    found = [coder.decode(rows_KV) for rows_KV in rows_SKV]
    coder.finish()
    return np.stack(found)


@pytest.mark.parametrize(("vocab", "sharpness"), [(2, 1), (3, 30), (64, 3), (65, 12), (257, 60), (1000, 2)])
def test_it_gives_the_bytes_of_exact_arithmetic_and_the_targets_back(vocab, sharpness):
    rng = np.random.default_rng(vocab)
    rows_SKV = rows_of(rng, 30, 4, vocab, sharpness)
    for targets_SK in (likely_targets(rng, rows_SKV), rng.integers(vocab, size=(30, 4))):
        payload = encoded(rows_SKV, targets_SK)
        exact = [mass for rows_KV in rows_SKV for mass in masses(rows_KV).tolist()]
        assert payload == range_coding.encode(exact, targets_SK.ravel().tolist())
        assert range_coding.decode(exact, payload) == targets_SK.ravel().tolist()
        assert (decoded(rows_SKV, payload) == targets_SK).all()


@pytest.mark.parametrize("edge", ["first", "last", "worst", "sure"])
def test_edges_of_the_interval(edge):
    rng = np.random.default_rng(5)
    rows_SKV = rows_of(rng, 600, 2, 7, 20)
    targets_SK = {
        "first": np.zeros((600, 2), np.int64),
        "last": np.full((600, 2), 6),
        "worst": rows_SKV.argmin(-1).numpy(),
        "sure": rows_SKV.argmax(-1).numpy(),
    }[edge]
    payload = encoded(rows_SKV, targets_SK)
    exact = [mass for rows_KV in rows_SKV for mass in masses(rows_KV).tolist()]
    assert payload == range_coding.encode(exact, targets_SK.ravel().tolist())
    assert (decoded(rows_SKV, payload) == targets_SK).all()


def test_carries_run_through_many_bytes():
    """Halves again and again, from just below the middle: long runs of 255 that a late symbol turns to zeros."""
    rows_SKV = torch.log(torch.tensor([[[0.5, 0.5]]])).expand(4000, 1, 2)
    for tail in (0, 1):
        targets_SK = np.array([[0]] + [[1]] * 3998 + [[tail]])
        payload = encoded(rows_SKV, targets_SK)
        assert (decoded(rows_SKV, payload) == targets_SK).all()


def test_its_loss_is_below_a_millionth_of_a_bit_a_token():
    rng = np.random.default_rng(3)
    rows_SKV = rows_of(rng, 300, 16, 1024, 2.5)
    targets_SK = likely_targets(rng, rows_SKV)
    wanted = -np.take_along_axis(rows_SKV.double().numpy(), targets_SK[..., None], -1).sum() / np.log(2)
    assert 8 * len(encoded(rows_SKV, targets_SK)) - wanted < 16 + 1e-6 * targets_SK.size


def test_a_row_that_is_none_is_refused_on_both_sides():
    good = torch.log(torch.tensor([[0.5, 0.5]]))
    for value in (float("nan"), float("inf"), 0.5):
        bad = torch.tensor([[value, -1.0]])
        with pytest.raises(NumericsError):
            RowEncoder().encode(bad, np.array([0]))
        with pytest.raises(NumericsError):
            RowDecoder(b"abcdefgh").decode(bad)
    impossible = torch.tensor([[float("-inf"), 0.0]])  # mass 0 is no error: it costs 28 bits
    payload = encoded([impossible, good], np.array([[0], [1]]))
    assert decoded([impossible, good], payload).ravel().tolist() == [0, 1]


def test_bytes_that_are_missing_or_too_many_are_found():
    rng = np.random.default_rng(8)
    rows_SKV = rows_of(rng, 50, 2, 30, 1)
    payload = encoded(rows_SKV, rng.integers(30, size=(50, 2)))
    for wrong in (b"", payload[:-2], payload + b"\0", payload + b"abc", payload[: len(payload) // 2]):
        with pytest.raises(TextRuleError):
            decoded(rows_SKV, wrong)
