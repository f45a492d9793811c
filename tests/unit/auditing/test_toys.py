"""The toy model and its source against plain loops."""

import numpy as np
import pytest

from golfctl.auditing.toys import adapt
from golfctl.auditing.toys import offsets as slot
from golfctl.auditing.toys.model import STRIDE, VOCAB, WINDOW, ToySource, make_model, plain_rows, toy_text
from golfctl.auditing.toys.table import TOYS, ToyBox

MODEL = make_model(5)


def window_row(text_N, target):
    """ln p of one target by the definition: run its block's window from a zero state."""
    block = (target - 1) // STRIDE
    state = np.zeros(len(MODEL.recur_DD))
    for i in range(max(0, STRIDE * (block + 1) - WINDOW), target):
        state = np.tanh(state @ MODEL.recur_DD + MODEL.embed_VD[text_N[i]])
    logits = state @ MODEL.out_DV + MODEL.bias_V
    return logits - np.log(np.exp(logits).sum())


def test_windows_match_the_definition():
    text_N = toy_text(150, np.random.default_rng(1))
    rows = plain_rows(MODEL, text_N[None])[0]
    for target in (1, 7, 8, 9, 64, 65, 100, 149):
        assert rows[target - 1] == pytest.approx(window_row(text_N, target), abs=1e-12)


def test_the_source_knows_its_own_cost():
    text_SN, nll_SN = ToySource(MODEL).sample(2, 200, np.random.default_rng(2))
    rows = plain_rows(MODEL, text_SN)
    for s in range(2):
        for target in (1, 9, 77, 199):
            assert nll_SN[s, target] == pytest.approx(-rows[s, target - 1, text_SN[s, target]], abs=1e-12)
    assert ToySource(MODEL).row(text_SN[0, :50]).sum() == pytest.approx(1.0)


def test_slot_by_products_equals_slot_by_logits():
    """The fitted shift against a gradient loop over logits."""
    text_SN = toy_text(60, np.random.default_rng(3))[None]
    hidden, target_KL = slot.window_hidden(MODEL, text_SN)
    k = 3
    valid = (target_KL[k] >= 1) & (target_KL[k] < 60)
    context = valid.copy()
    context[-STRIDE:] = False
    adam = slot._Adam((hidden.shape[-1],), slot.RATE)
    answers = text_SN[0, np.clip(target_KL[k], 0, 59)]
    for _ in range(slot.STEPS):
        logits = (hidden[0, k] + adam.value) @ MODEL.out_DV + MODEL.bias_V
        error = np.exp(logits - np.log(np.exp(logits).sum(1, keepdims=True))) - np.eye(VOCAB)[answers]
        adam.step((error * context[:, None]).sum(0) @ MODEL.out_DV.T / context.sum())
    logits = (hidden[0, k] + adam.value) @ MODEL.out_DV + MODEL.bias_V
    expected = -(logits - np.log(np.exp(logits).sum(1, keepdims=True)))[np.arange(WINDOW), answers][-STRIDE:]
    got = slot.context_own(MODEL, text_SN, 8)[0, k * STRIDE : (k + 1) * STRIDE]
    assert got == pytest.approx(expected, abs=1e-10)


def test_without_training_the_adaptive_toys_are_plain():
    text_SN = toy_text(130, np.random.default_rng(4))[None]
    before = adapt.score_first(MODEL, text_SN, 8)[0, : adapt.CHUNK]
    plain = -np.take_along_axis(plain_rows(MODEL, text_SN), text_SN[:, 1:, None].astype(int), -1)[0, :, 0]
    assert np.array_equal(before, plain[: adapt.CHUNK])
    assert not np.array_equal(adapt.score_first(MODEL, text_SN, 8)[0], plain)


@pytest.mark.parametrize("toy", TOYS, ids=lambda t: t.name)
def test_a_text_is_scored_alone(toy):
    """What stands beside a text in a call changes no bit of its scores."""
    rng = np.random.default_rng(6)
    texts = [toy_text(120, rng), toy_text(90, rng), toy_text(120, rng)]
    box = ToyBox(toy, MODEL)
    together, alone = box.score(texts), [box.score([text])[0] for text in texts]
    for a, b in zip(together, alone, strict=True):
        assert np.array_equal(a.nll_R, b.nll_R) and np.array_equal(a.position_R, b.position_R)


def test_fourteen_and_five_of_them_honest():
    assert len(TOYS) == 14 and sum(toy.honest for toy in TOYS) == 5
