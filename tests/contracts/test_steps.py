"""What every stack promises behind the step protocol (docs/protocol.md)."""

from dataclasses import replace

import numpy as np
import pytest

from golfctl.errors import UsageError
from golfctl.evaluation.runner import run
from golfctl.evaluation.stepwise import run_steps
from golfctl.scoring.steps.lanes import Lanes, Stretch, Text, cut_in, whole_documents
from tests.contracts.test_scorers import STACKS, VOCAB, made_stream, model, plan_of, scorer_of

__all__ = ["model"]
STEPPED = [name for name in STACKS if name != "lora"]
FROZEN = ["neural", "rolling", "slot", "slot bias"]


@pytest.fixture(scope="module")
def stream():
    return made_stream()


def stretches_of(stream, lanes, isolated):
    return whole_documents(stream.lane_starts(), stream.rows) if isolated else cut_in(lanes, stream.rows)


def stepped(name, model, stream, lanes, stretches=None, **options):
    stretches = stretches or stretches_of(stream, lanes, STACKS[name].get("context") == "documents")
    scorer = scorer_of(name, model, lanes)
    return run_steps(scorer, stream, stretches, lanes, **options), scorer


@pytest.mark.parametrize("name", STEPPED)
def test_one_lane_is_the_evaluation_by_blocks(name, model, stream):
    fast = run(scorer_of(name, model), stream, plan_of(name, stream), probe=False).ledger.nll_R
    found, _ = stepped(name, model, stream, 1)
    difference = np.abs(fast - found.ledger.nll_R)
    assert difference.max() < 1e-3 and difference.mean() < 5e-5
    assert {p["verdict"] for p in found.properties().values()} == {True} and found.correction < 1e-5


@pytest.mark.parametrize("name", STEPPED)
def test_lanes_repeat_after_reset(name, model, stream):
    found, scorer = stepped(name, model, stream, 3)
    assert {p["verdict"] for p in found.properties().values()} == {True} and found.correction < 1e-5
    state = scorer.state_id()
    again = run_steps(scorer, stream, stretches_of(stream, 3, STACKS[name].get("context") == "documents"), 3)
    assert np.array_equal(again.ledger.nll_R, found.ledger.nll_R) and scorer.state_id() == state


@pytest.mark.parametrize("name", STEPPED)
def test_rows_of_a_step_know_no_target_of_that_step(name, model, stream):
    """From one step on every lane reads other tokens: all rows of the steps so far, that one's own too, stay the same.

    Every change is a token later than the step's own rows, which were asked for before.
    """
    changed_at, lanes, seen = 50, 3, {}
    firsts = [s.first for s in stretches_of(stream, lanes, False)]
    tokens_N = stream.tokens_N.copy()
    for first, after in zip(firsts, [*firsts[1:], stream.rows], strict=True):
        tokens_N[first + 1 + changed_at : after + 1] = (tokens_N[first + 1 + changed_at : after + 1] + 7) % VOCAB
    for key, text in (("as it is", stream), ("changed", replace(stream, tokens_N=tokens_N))):
        rows = seen.setdefault(key, [])
        stepped(name, model, text, lanes, stretches_of(stream, lanes, False),
                after_step=lambda step, rows_KV, targets_K, rows=rows: rows.append(rows_KV.clone()))  # fmt: skip
    same = [(one - other).abs().max() == 0 for one, other in zip(*seen.values(), strict=True)]
    assert all(same[: changed_at + 1]) and not same[changed_at + 1]


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_rows_do_not_depend_on_which_lane_reads(name, model, stream):
    """Texts of one length change lanes: their rows go with them."""
    parts = [Stretch(0, 0, 80), Stretch(0, 80, 160), Stretch(0, 160, 240)]
    one, other = (stepped(name, model, stream, 3, p)[0].ledger.nll_R for p in (parts, [parts[i] for i in (2, 0, 1)]))
    assert np.abs(one - other).max() <= 1e-5


def test_a_lane_that_goes_on_to_its_next_text_forgets_the_one_before(model, stream):
    """Two lanes, five texts: every text's rows are those of a lane of its own."""
    parts = [Stretch(0, first, stop) for first, stop in [(0, 60), (60, 70), (70, 140), (140, 141), (141, 240)]]
    for name in FROZEN:
        two, five = (stepped(name, model, stream, lanes, parts)[0].ledger.nll_R for lanes in (2, 5))
        assert np.abs(two - five).max() <= 1e-4


def test_adapters_of_documents_are_refused_by_name(model):
    with pytest.raises(UsageError, match="ttt form lora"):
        scorer_of("lora", model, 2)


def test_training_rows_are_sorted_by_lane(model):
    """A chunk of six rows of two lanes: each lane's in order, lane after lane, whatever the order of booking."""
    scorer = scorer_of("ttt", model, 2)
    lanes = Lanes([Text(1, 3), Text(1, 4)], 2)
    targets = iter([[10, 20], [11, 21], [12, 22], [23]])
    scorer.reset(np.zeros(0, np.int64))
    while step := lanes.step():
        target_K = np.array(next(targets))
        scorer.predict(step)
        scorer.observe(step, target_K)
        lanes.reveal(target_K)
    shown_R, target_R = scorer.trainer.pairs(0, 6)
    assert target_R.tolist() == [10, 11, 12, 20, 21, 22] and shown_R.tolist() == [1, 10, 11, 1, 20, 21]
