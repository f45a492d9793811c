import math

import numpy as np
import pytest
import torch

from golfctl.scoring.config import CtwConfig
from golfctl.scoring.counts.ctw import CtwScorer
from golfctl.scoring.counts.lane_places import run_of
from golfctl.scoring.windows import blocks, group_windows, sliding_windows
from tests.oracles.ctw import sequence_log_probability

CPU = torch.device("cpu")


def rows_of(scorer, tokens_N, per_block=3, probe=False):
    scorer.reset(tokens_N[:1])
    rows = []
    for block in blocks(tokens_N, group_windows(sliding_windows(len(tokens_N) - 1, 16, 4), per_block, None)):
        rows.append(scorer.predict(block))
        if probe:
            scorer.predict(type(block)(block.origin, (block.ids_N + 1) % 5, block.windows, block.first, block.stop))
        scorer.observe(block, tokens_N[block.first + 1 : block.stop + 1])
    return torch.cat(rows)


@pytest.mark.parametrize(("depth", "alpha"), [(1, 0.5), (2, 0.2), (3, 0.5)])
def test_the_product_of_rows_is_the_weighted_probability_of_the_sequence(depth, alpha):
    rng = np.random.default_rng(depth)
    tokens = [*rng.integers(0, 4, depth), *np.tile(rng.integers(0, 4, 7), 9)]
    tokens_N = np.array(tokens, np.int64)
    scorer = CtwScorer(5, CtwConfig(depth=depth, alpha=alpha), CPU)
    scorer.reset(tokens_N[:depth])
    total = 0.0
    for i in range(depth, len(tokens)):
        row_1V, scorer.gate_R = np.empty((1, 5), np.float32), np.zeros(1, np.int64)
        scorer.fill(run_of(tokens_N[:i], tokens_N[i : i + 1], 1, depth), 1, 0, row_1V)
        total += math.log(row_1V[0, tokens[i]])
    assert total == pytest.approx(sequence_log_probability(tokens, 5, depth, alpha), abs=1e-4)


def test_rows_sum_to_one_and_depend_neither_on_blocks_nor_on_probes():
    tokens_N = np.tile(np.random.default_rng(0).integers(0, 5, 37), 6).astype(np.int64)
    one = rows_of(CtwScorer(5, CtwConfig(depth=3), CPU), tokens_N, 1)
    assert torch.logsumexp(one.double(), -1).abs().max() < 1e-6
    assert torch.equal(one, rows_of(CtwScorer(5, CtwConfig(depth=3), CPU), tokens_N, 9))
    assert torch.equal(one, rows_of(CtwScorer(5, CtwConfig(depth=3), CPU), tokens_N, 4, probe=True))


def test_it_learns_a_repeating_text():
    tokens_N = np.tile(np.arange(5), 60).astype(np.int64)
    rows_RV = rows_of(CtwScorer(5, CtwConfig(depth=3), CPU), tokens_N)
    last = rows_RV[-50:].gather(1, torch.from_numpy(tokens_N[-50:])[:, None])
    assert float(-last.mean()) < 0.05
