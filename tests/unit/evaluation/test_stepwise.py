"""Steps of lanes against whole windows: the same rows where a lane sees the same text."""

import numpy as np
import pytest
import torch

from golfctl.evaluation.ledger import LaneLedger
from golfctl.evaluation.runner import BlockPlan, run
from golfctl.evaluation.stepwise import LaneReading, run_steps
from golfctl.evaluation.stream import Stream
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.neural.rolling import RollingScorer
from golfctl.scoring.neural.sliding import NeuralScorer, WindowForward
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.steps.lane_scorer import LaneScorer
from golfctl.scoring.steps.lanes import Stretch, cut_in, whole_documents
from golfctl.scoring.windows import sliding_windows, tokens_seen
from tests.plain_lanes import PlainLanes

VOCAB = 48
CPU = torch.device("cpu")
STARTS = (0, 70, 83, 300)


def stream_of(tokens_N, starts=(0,)):
    starts_D = np.array(starts)
    return Stream.of_arrays(tokens_N, starts_D, np.full(len(starts), 100), np.ones(len(tokens_N), np.int64), "x")


def lanes_of(model, lanes, stride=8, rolling=False):
    return LaneScorer(PlainLanes(model), 32, stride, lanes, VOCAB, CPU, rolling)


def stretches_of(stream, lanes, isolated):
    return whole_documents(stream.lane_starts(), stream.rows) if isolated else cut_in(lanes, stream.rows)


def nats(model, stream, lanes, isolated=False, **options):
    found = run_steps(lanes_of(model, lanes, **options), stream, stretches_of(stream, lanes, isolated), lanes)
    return found.ledger.nll_R


@pytest.mark.parametrize("stride", [8, 5, 32])
@pytest.mark.parametrize("starts", [None, STARTS])
def test_one_lane_gives_the_rows_of_whole_windows(tokens_N, tiny_model, starts, stride):
    stream = stream_of(tokens_N, starts or (0,))
    fast = NeuralScorer(WindowForward(tiny_model, 32, 3, CPU, Ranks()), VOCAB)
    fast_R = run(fast, stream, BlockPlan(400, 32, stride, 6, starts), probe=False).ledger.nll_R
    difference = np.abs(fast_R - nats(tiny_model, stream, 1, starts is not None, stride=stride))
    assert difference.max() <= 1e-4 and difference.mean() <= 1e-5


@pytest.mark.parametrize("starts", [None, STARTS])
def test_one_rolling_lane_gives_the_rows_of_the_rolling_cache(tokens_N, tiny_model, starts):
    stream = stream_of(tokens_N, starts or (0,))
    fast = RollingScorer(tiny_model, 32, 3, VOCAB, CPU)
    fast_R = run(fast, stream, BlockPlan(400, 32, 8, 6, starts), probe=False).ledger.nll_R
    difference = np.abs(fast_R - nats(tiny_model, stream, 1, starts is not None, rolling=True))
    assert difference.max() <= 1e-4 and difference.mean() <= 1e-5


@pytest.mark.parametrize("lanes", [2, 3, 9])
def test_documents_have_the_same_rows_in_any_number_of_lanes(tokens_N, tiny_model, lanes):
    stream = stream_of(tokens_N, STARTS)
    alone_R, side_R = nats(tiny_model, stream, 1, True), nats(tiny_model, stream, lanes, True)
    assert np.abs(alone_R - side_R).max() <= 1e-4


def test_parts_of_a_text_are_texts_of_their_own(tokens_N, tiny_model):
    """Each of three lanes reads its third behind the text's first token, as if nothing stood before it."""
    stream = stream_of(tokens_N)
    side_R = nats(tiny_model, stream, 3)
    for first, stop in [(0, 134), (134, 267), (267, 400)]:
        own_N = np.concatenate([tokens_N[:1], tokens_N[first + 1 : stop + 1]])
        assert np.abs(nats(tiny_model, stream_of(own_N), 1) - side_R[first:stop]).max() <= 1e-4


def test_a_lane_does_not_see_the_others(tokens_N, tiny_model):
    stream, stretches = stream_of(tokens_N), [Stretch(0, 0, 100), Stretch(0, 100, 400)]
    other_N = tokens_N.copy()
    other_N[101:] = (other_N[101:] + 7) % VOCAB
    found = [run_steps(lanes_of(tiny_model, 2), stream_of(t), stretches, 2).ledger.nll_R for t in (tokens_N, other_N)]
    assert np.array_equal(found[0][:100], found[1][:100]) and stream.rows == 400
    assert not np.array_equal(found[0][100:], found[1][100:])


def test_targets_come_after_their_rows_and_in_the_order_of_lanes(tokens_N, tiny_model):
    stream, seen = stream_of(tokens_N), []

    def after_step(step, rows_KV, targets_K):
        assert rows_KV.shape == (len(targets_K), VOCAB) and rows_KV.dtype == torch.float32
        seen.append((step.lane_K.tolist(), step.token_K.tolist(), targets_K.tolist()))

    found = run_steps(lanes_of(tiny_model, 3), stream, stretches_of(stream, 3, False), 3, after_step=after_step)
    assert found.causal == {"verdict": True, "how": "stepwise: 3 lanes, tokens handed out one at a time"}
    assert seen[0] == ([0, 1, 2], [1, 1, 1], tokens_N[[1, 135, 268]].tolist())
    assert seen[1][1] == seen[0][2] and seen[-1][0] == [0]
    assert found.properties()["single_pass"]["verdict"] is True


def test_a_step_can_be_asked_again_but_not_passed_over(tiny_model):
    scorer, seen = lanes_of(tiny_model, 2), []
    stream = stream_of(np.arange(1, 9, dtype=np.uint16))

    class Asking(LaneScorer):
        def predict(self, step):
            rows_KV = super().predict(step)
            assert torch.equal(rows_KV, super().predict(step))
            seen.append(step)
            return rows_KV

    scorer.__class__ = Asking
    run_steps(scorer, stream, stretches_of(stream, 2, False), 2)
    LaneScorer.predict(scorer, seen[0])
    with pytest.raises(ValueError, match="before the targets"):
        LaneScorer.predict(scorer, seen[1])


def test_rows_of_lanes_are_booked_once():
    ledger = LaneLedger(4)
    ledger.book(np.array([2, 0]), np.array([1.0, 2.0]))
    for row_K, why in [([2], "again"), ([1, 1], "again"), ([4], "rows 0 … 3"), ([-1], "rows 0 … 3")]:
        with pytest.raises(ValueError, match=why):
            ledger.book(np.array(row_K), np.ones(len(row_K)))
    with pytest.raises(ValueError, match="not finite"):
        ledger.book(np.array([1]), np.array([np.nan]))
    assert ledger.position_R.tolist() == [1, 3] and ledger.nll_R.tolist() == [2.0, 1.0]
    with pytest.raises(ValueError, match="2 of 4 rows were never scored"):
        ledger.close()
    ledger.book(np.array([3, 1]), np.array([4.0, 3.0]))
    ledger.close()
    assert ledger.nll_R.tolist() == [2.0, 3.0, 1.0, 4.0] and ledger.single_pass()["verdict"] is True


@pytest.mark.parametrize("stride", [1, 5, 8, 32])
def test_rows_see_what_their_windows_hold(stride):
    seen_R = [row + 1 - w.start for w in sliding_windows(150, 32, stride) for row in range(w.first, w.stop)]
    assert tokens_seen(150, 32, stride).tolist() == seen_R
    assert tokens_seen(40, 32, None).tolist() == [*range(1, 33), *[32] * 8]


def test_what_lanes_cost_in_context_is_said():
    config = EvalConfig.from_dict({"stride": 4, "stepwise": True, "lanes": 3})
    facts = LaneReading.of(config, 8, (0, 10), 30).facts()
    seen_R, alone_R = np.tile(tokens_seen(10, 8, 4), 3), tokens_seen(30, 8, 4)
    assert facts == {
        "protocol": "step/1", "lanes": 3, "mean_context": seen_R.mean(), "mean_context_of_one_lane": alone_R.mean(),
        "rows_with_less_context": int((seen_R < alone_R).sum()),
    }  # fmt: skip
    assert facts["rows_with_less_context"] > 0
    documents = EvalConfig.from_dict({"stride": 4, "stepwise": True, "lanes": 3, "context": "documents"})
    assert LaneReading.of(documents, 8, (0, 10), 30).facts()["rows_with_less_context"] == 0
