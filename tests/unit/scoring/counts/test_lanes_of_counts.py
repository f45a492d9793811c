from itertools import pairwise

import numpy as np
import pytest
import torch

from golfctl.scoring.config import CtwConfig, NgramConfig
from golfctl.scoring.counts.ctw import CtwScorer
from golfctl.scoring.counts.ngram import NgramScorer
from golfctl.scoring.steps.question import Step
from tests.oracles.ctw import PlainTree
from tests.oracles.ngram import PlainNgram
from tests.unit.scoring.counts.test_ngram import run_scorer
from tests.walking import NOTHING, plain_walk, walk

CPU = torch.device("cpu")
VOCAB = 48
MAKE = {
    "ngram": lambda: NgramScorer(VOCAB, NgramConfig(order=4), CPU),
    "order 1": lambda: NgramScorer(VOCAB, NgramConfig(order=1), CPU),
    "ctw": lambda: CtwScorer(VOCAB, CtwConfig(depth=3), CPU),
}


def documents(tokens_N, count=9):
    """The stream cut into texts, each given the token before its targets."""
    cuts = np.linspace(0, len(tokens_N) - 1, count + 1).astype(int)
    return [tokens_N[a : b + 1].astype(np.int64) for a, b in pairwise(cuts)]


class NgramOfLane:
    """One lane of the plain chain, whose counts are shared."""

    def __init__(self, shared):
        self.model = PlainNgram(VOCAB, 4, 0.8, 0.5)
        self.model.counts = shared.counts

    def begin(self, token):
        if not self.model.seen or self.model.seen[-1] != token:
            self.model.see(token, count=False)

    def row(self):
        return self.model.row()

    def see(self, token):
        self.model.see(token)


class TreeOfLane:
    """One lane of a tree with contexts of one token."""

    def __init__(self, tree):
        self.tree, self.seen = tree, []

    def begin(self, token):
        if self.seen[-1:] != [token]:
            self.seen.append(token)

    def row(self):
        return self.tree.row(self.seen)

    def see(self, token):
        self.tree.see(self.seen, token)
        self.seen.append(token)


@pytest.mark.parametrize("lanes", [1, 2, 4, 20])
def test_lanes_share_the_counts_and_keep_their_contexts(tokens_N, lanes):
    texts = documents(tokens_N)
    texts[3][0] = 7  # a text that does not go on where its lane stopped
    shared = PlainNgram(VOCAB, 4, 0.8, 0.5)
    expected = plain_walk([NgramOfLane(shared) for _ in range(lanes)], texts, lanes)
    for rows_RV, plain_RV in zip(walk(MAKE["ngram"](), texts, lanes), expected, strict=True):
        assert np.abs(np.exp(rows_RV) - plain_RV).max() < 1e-6


def test_trees_too():
    rng = np.random.default_rng(2)
    texts = [np.tile(rng.integers(0, 3, 5), 3) for _ in range(4)]
    tree = PlainTree(4, 1, 0.3)
    expected = plain_walk([TreeOfLane(tree) for _ in range(3)], texts, 3)
    found = walk(CtwScorer(4, CtwConfig(depth=1, alpha=0.3), CPU), texts, 3)
    for rows_RV, plain_RV in zip(found, expected, strict=True):
        assert np.abs(rows_RV - plain_RV).max() < 1e-4


@pytest.mark.parametrize("name", MAKE)
def test_one_lane_is_the_stream(tokens_N, name):
    scorer, blockwise = MAKE[name](), MAKE[name]()
    rows_RV = np.concatenate(walk(scorer, documents(tokens_N), 1))
    assert np.array_equal(rows_RV, run_scorer(blockwise, tokens_N, 5).numpy())
    assert scorer.state_id() == blockwise.state_id()
    assert scorer.outcome() == blockwise.outcome()


@pytest.mark.parametrize("name", MAKE)
def test_what_was_saved_goes_on(tokens_N, name):
    texts, saved = documents(tokens_N), {}
    scorer = MAKE[name]()
    whole = walk(scorer, texts, 3, lambda steps, step: saved.update(scorer.save()) if steps == 50 else None)

    going_on = MAKE[name]()

    def load(steps, step):
        if steps == 50:
            going_on.load(saved, NOTHING)

    assert all(map(np.array_equal, walk(going_on, texts, 3, load), whole))
    assert going_on.state_id() == scorer.state_id() != MAKE[name]().state_id()


def test_asking_changes_nothing(tokens_N):
    def ask_more(steps, step):
        scorer.predict(Step(step.lane_K, (step.token_K + 1) % VOCAB, ~step.begins_K, step.first))

    scorer = MAKE["ngram"]()
    twin = MAKE["ngram"]()
    walk(twin, documents(tokens_N), 3)
    walk(scorer, documents(tokens_N), 3, ask_more)
    assert scorer.state_id() == twin.state_id()


def test_the_matched_lengths_are_those_of_the_lanes():
    scorer = NgramScorer(6, NgramConfig(order=4), CPU)
    gates = []
    texts = [np.array([1, 2, 3, 1, 2, 3, 1, 2]), np.array([5, 4, 4, 4, 4, 4, 4, 4])]
    walk(scorer, texts, 2, lambda steps, step: gates.append(scorer.gate_R.tolist()))
    assert gates == [[0, 0], [0, 0], [0, 1], [1, 2], [2, 3], [3, 3], [3, 3]]
