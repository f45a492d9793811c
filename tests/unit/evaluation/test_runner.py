import numpy as np
import pytest
import torch

from golfctl.errors import NumericsError
from golfctl.evaluation.runner import BlockPlan, book, run
from golfctl.evaluation.stream import Stream
from golfctl.scoring.neural.sliding import NeuralScorer, WindowForward
from golfctl.scoring.ranks import Ranks

VOCAB = 48
CPU = torch.device("cpu")


def stream_of(tokens_N, starts=(0,)):
    starts_D = np.array(starts)
    return Stream.of_arrays(tokens_N, starts_D, np.full(len(starts), 100), np.ones(len(tokens_N), np.int64), "x")


def neural(model, seq_len=32, batch=3):
    return NeuralScorer(WindowForward(model, seq_len, batch, CPU, Ranks()), VOCAB)


class Uniform:
    """Uniform rows; records what it was shown."""

    vocab_size, barrier_rows = VOCAB, None

    def __init__(self):
        self.log = []

    def reset(self, prefix_N):
        self.log.append(("reset", prefix_N.tolist()))

    def predict(self, block):
        self.log.append(("predict", block.first, block.stop, block.ids_N.max()))
        return torch.full((block.rows, VOCAB), -np.log(VOCAB), dtype=torch.float32)

    def observe(self, block, targets_R):
        self.log.append(("observe", block.first, targets_R.tolist()))

    def state_id(self):
        return ""


class Peeking(Uniform):
    """Puts weight on the input one row ahead: causal rows moved by a later token."""

    def predict(self, block):
        logits_RV = torch.zeros(block.rows, VOCAB)
        for r, row in enumerate(range(block.first, block.stop - 1)):
            logits_RV[r, int(block.inputs(row + 1, row + 2)[0])] = 3.0
        return torch.log_softmax(logits_RV, -1)


def test_targets_are_revealed_only_after_their_rows(tokens_N):
    scorer, tokens_N = Uniform(), np.arange(30, dtype=np.uint16)
    found = run(scorer, stream_of(tokens_N), BlockPlan(29, 8, 4, 2), probe=False)
    assert scorer.log[0] == ("reset", [0])
    revealed = 0
    for entry in scorer.log[1:]:
        if entry[0] == "predict":
            assert entry[3] <= entry[2] - 1, "inputs stop before the last target"
        else:
            assert entry[1] == revealed
            revealed += len(entry[2])
    assert revealed == 29
    assert found.ledger.nll_R == pytest.approx(np.log(VOCAB))


def test_rows_are_renormalised_before_they_count():
    rows_RV = torch.log_softmax(torch.randn(4, 7), -1)
    shifted, off = book(rows_RV + 5e-4, np.array([0, 1, 2, 3]), 0, 7)
    plain, _ = book(rows_RV, np.array([0, 1, 2, 3]), 0, 7)
    assert shifted == pytest.approx(plain, abs=1e-6)
    assert off == pytest.approx(5e-4, rel=1e-2)


def test_rows_that_are_no_distributions_stop_the_run():
    rows_RV = torch.log_softmax(torch.randn(4, 7), -1)
    with pytest.raises(NumericsError, match="instead of 1"):
        book(rows_RV + 0.1, np.zeros(4, int), 0, 7)
    for bad in (float("nan"), float("-inf")):
        broken = rows_RV.clone()
        broken[2, 3] = bad
        with pytest.raises(NumericsError, match="not finite"):
            book(broken, np.zeros(4, int), 0, 7)


def test_the_probe_passes_a_causal_scorer_and_fails_a_peeking_one(tokens_N, tiny_model):
    plan = BlockPlan(400, 32, 8, 4)
    good = run(neural(tiny_model), stream_of(tokens_N), plan).properties()["causal"]
    bad = run(Peeking(), stream_of(tokens_N), plan).properties()["causal"]
    assert good["verdict"] is True and "bit for bit" in good["how"]
    assert bad["verdict"] is False and "moved by" in bad["how"]


def test_fast_rows_equal_whole_window_forwards_one_by_one(tokens_N, tiny_model):
    nll_R = run(neural(tiny_model), stream_of(tokens_N), BlockPlan(400, 32, 8, 6)).ledger.nll_R
    ids = torch.from_numpy(tokens_N.astype(np.int64))
    for row in (0, 5, 31, 32, 39, 40, 399):
        start = 0 if row < 32 else (row - 32) // 8 * 8 + 8
        logits_V = tiny_model.forward(torch.nn.functional.pad(ids[start : row + 1], (0, 31 - row + start))[None])[
            0, row - start
        ]
        assert nll_R[row] == pytest.approx(float(-torch.log_softmax(logits_V, -1)[ids[row + 1]]), abs=2e-5)


def test_the_batch_size_does_not_matter(tokens_N, tiny_model):
    scores = [
        run(neural(tiny_model, batch=b), stream_of(tokens_N), BlockPlan(400, 32, 8, b)).ledger.nll_R for b in (1, 4, 50)
    ]
    assert np.abs(scores[0] - scores[1]).max() < 1e-5
    assert np.abs(scores[0] - scores[2]).max() < 1e-5
