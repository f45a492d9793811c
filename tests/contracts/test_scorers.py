"""What every scorer promises, over the stacks that configuration can build."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from golfctl.evaluation.runner import BlockPlan, run
from golfctl.evaluation.stream import Stream
from golfctl.model.weights.new_model import build_model
from golfctl.scoring.compose import Setting, compose, compose_steps, ladder
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import Ranks
from tests.unit.model.cases import shake, small

CPU = torch.device("cpu")
VOCAB = 48
STACKS = {
    "neural": {},
    "documents": {"context": "documents"},
    "rolling": {"rolling": True},
    "rolling documents": {"rolling": True, "context": "documents"},
    "ttt": {"ttt": {"chunk": 64, "lr": 0.02}},
    "adamw": {"ttt": {"form": "adamw", "chunk": 64, "lr": 0.001, "freeze_blocks": 2}},
    "lora": {"context": "documents", "ttt": {"form": "lora", "lr": 0.02, "rank": 3, "lanes": 2}},
    "slot": {"slot": {"steps": 2, "span": 16}},
    "slot bias": {"slot": {"steps": 2, "span": 16, "bias": True, "final_lr": 0.001}},
    "ngram": {"ngram": {"order": 4}},
    "ctw": {"ctw": {"depth": 3}},
    "linear": {"ngram": {"order": 4}, "mix": {"rule": "linear"}},
    "fixed": {"ctw": {"depth": 2}, "mix": {"rule": "fixed", "weight": 0.3}},
    "calibrate": {"calibrate": {}},
    "all": {
        "ttt": {"chunk": 64, "lr": 0.02}, "slot": {"steps": 2, "span": 16}, "ngram": {"order": 4}, "ctw": {"depth": 3},
        "calibrate": {},
    },
}  # fmt: skip


@pytest.fixture
def model(one_thread):
    return shake(build_model(small(), 0)).eval()


def made_stream():
    rng = np.random.default_rng(5)
    phrases = [rng.integers(2, VOCAB, size=rng.integers(3, 12)) for _ in range(9)]
    tokens_N = np.concatenate([[1], *[phrases[i] for i in rng.integers(0, 9, 60)]])[:241].astype(np.uint16)
    starts_D = np.array([0, 90, 150])
    return Stream.of_arrays(tokens_N, starts_D, np.full(3, 300), np.ones(241, np.int64), "x")


@pytest.fixture(scope="module")
def stream():
    return made_stream()


def scorer_of(name, model, lanes=None, **changes):
    """Asked by blocks, or by steps of `lanes` lanes."""
    config = EvalConfig.from_dict({"seq_len": 32, "stride": 8, "batch": 4, **STACKS[name], **changes})
    setting = Setting(copy.deepcopy(model).requires_grad_(False), VOCAB, 32, 240, CPU, Ranks())
    return compose_steps(config, setting, lanes) if lanes else compose(config, setting)


def plan_of(name, stream, per_block=4):
    starts = tuple(stream.lane_starts()) if STACKS[name].get("context") == "documents" else None
    documents = max(1, per_block // 2) if name == "lora" else None
    return BlockPlan(stream.rows, 32, 8, per_block, starts, documents)


@pytest.mark.parametrize("name", STACKS)
def test_the_run_is_honest_and_repeats_after_reset(name, model, stream):
    scorer = scorer_of(name, model)
    first = run(scorer, stream, plan_of(name, stream))
    assert {p["verdict"] for p in first.properties().values()} == {True}, first.properties()
    assert "bit for bit" in first.causal["how"] and first.correction < 1e-5
    state = scorer.state_id()
    assert np.array_equal(run(scorer, stream, plan_of(name, stream), probe=False).ledger.nll_R, first.ledger.nll_R)
    assert scorer.state_id() == state


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKS)
def test_blocks_and_batches_do_not_matter(name, model, stream):
    scorer = scorer_of(name, model)
    small_blocks = run(scorer, stream, plan_of(name, stream, 1), probe=False).ledger.nll_R
    large_blocks = run(scorer, stream, plan_of(name, stream, 50), probe=False).ledger.nll_R
    assert np.abs(small_blocks - large_blocks).max() < 2e-4


@pytest.mark.parametrize("name", STACKS)
def test_predicting_changes_nothing_and_observing_does(name, model, stream):
    scorer = scorer_of(name, model)
    scorer.reset(stream.tokens_N[:1].astype(np.int64))
    for block in list(plan_of(name, stream).blocks(stream.tokens_N, scorer.barrier_rows))[:4]:
        before = scorer.state_id()
        rows_RV = scorer.predict(block)
        other = type(block)(block.origin, (block.ids_N + 3) % VOCAB, block.windows, block.first, block.stop)
        scorer.predict(other)
        assert scorer.state_id() == before and torch.equal(scorer.predict(block), rows_RV)
        scorer.observe(block, stream.tokens_N[block.first + 1 : block.stop + 1].astype(np.int64))
    changes = {"ngram", "ctw", "linear", "fixed", "calibrate", "ttt", "adamw", "all", "rolling", "rolling documents"}
    assert (scorer.state_id() != before) == (name in changes)


@pytest.mark.parametrize("name", STACKS)
def test_every_row_has_mass_one(name, model, stream):
    scorer = scorer_of(name, model)
    scorer.reset(stream.tokens_N[:1].astype(np.int64))
    for block in plan_of(name, stream).blocks(stream.tokens_N, scorer.barrier_rows):
        mass_R = scorer.predict(block).double().exp().sum(-1)
        assert (mass_R - 1).abs().max() <= 1e-6
        scorer.observe(block, stream.tokens_N[block.first + 1 : block.stop + 1].astype(np.int64))


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKS)
def test_scores_ignore_every_later_token_bit_for_bit(name, model, stream):
    """The whole run is repeated with everything after a target replaced: inside and at the edges of windows, blocks,
    chunks and documents. Replaced suffixes are other tokens, and another order of the same."""
    before = run(scorer_of(name, model), stream, plan_of(name, stream), probe=False).ledger.nll_R
    rng = np.random.default_rng(7)
    for cut in (1, 32, 63, 64, 90, 137, 239):
        tokens_N = stream.tokens_N.copy()
        tokens_N[cut + 1 :] = (tokens_N[cut + 1 :] + 7) % VOCAB if cut % 2 else rng.permutation(tokens_N[cut + 1 :])
        after = run(scorer_of(name, model), replace(stream, tokens_N=tokens_N), plan_of(name, stream), probe=False)
        assert np.array_equal(after.ledger.nll_R[:cut], before[:cut])


@pytest.mark.parametrize("name", ["neural", "documents", "slot", "slot bias", "lora"])
def test_without_state_the_order_of_blocks_does_not_matter(name, model, stream):
    scorer = scorer_of(name, model)
    todo = list(plan_of(name, stream).blocks(stream.tokens_N, None))
    forwards = [scorer.predict(block) for block in todo]
    backwards = [scorer.predict(block) for block in reversed(todo)]
    assert all(torch.equal(a, b) for a, b in zip(forwards, reversed(backwards), strict=True))


def test_a_ladder_ends_at_the_stack_itself(model, stream):
    from golfctl.evaluation.ladder import climb

    config = EvalConfig.from_dict({"seq_len": 32, "stride": 8, "batch": 4, **STACKS["all"]})
    model.requires_grad_(False)
    rungs = ladder(config, Setting(copy.deepcopy(model), VOCAB, 32, 240, CPU, Ranks()))
    climbed = climb(rungs, stream, plan_of("all", stream))
    assert climbed.names == ["sliding", "+ ttt", "+ slot", "+ ngram", "+ ctw", "+ calibrate"]
    whole = run(scorer_of("all", model), stream, plan_of("all", stream), probe=False)
    assert np.abs(climbed.ledgers[-1].nll_R - whole.ledger.nll_R).max() < 1e-5
    assert climbed.properties()["causal"]["verdict"] is True
