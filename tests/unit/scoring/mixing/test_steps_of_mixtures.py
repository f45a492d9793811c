import numpy as np
import pytest
import torch

from golfctl.arithmetic.mode import portable
from golfctl.scoring.config import CalibrateConfig, CtwConfig, MixConfig, NgramConfig
from golfctl.scoring.counts.ctw import CtwScorer
from golfctl.scoring.counts.ngram import NgramScorer
from golfctl.scoring.mixing.calibrate import CalibratedScorer
from golfctl.scoring.mixing.gate_cells import ENTROPY_CELLS, ENTROPY_EDGES
from golfctl.scoring.mixing.geometric import GeometricMix
from golfctl.scoring.mixing.linear_mix import LinearMix
from golfctl.scoring.mixing.parts import Part, parts
from golfctl.scoring.mixing.row_math import entropy
from golfctl.scoring.mixing.shared import Shared, SharedGated
from golfctl.scoring.protocol import Block, Window
from golfctl.scoring.steps.question import Step
from golfctl.scoring.windows import make_block
from tests.oracles.mixing import plain_mixture
from tests.unit.scoring.counts.test_lanes_of_counts import documents
from tests.unit.scoring.mixing.test_mix import VOCAB, Table, run_scorer
from tests.walking import walk

CPU = torch.device("cpu")


@pytest.fixture
def table_RV():
    return torch.log_softmax(2 * torch.randn(400, VOCAB, generator=torch.Generator().manual_seed(3)), -1)


STACKS = {
    "mix": lambda table: GeometricMix([table, ngram(), CtwScorer(VOCAB, CtwConfig(depth=2), CPU)], MixConfig(), CPU),
    "calibrated": lambda table: CalibratedScorer(
        GeometricMix([table, ngram()], MixConfig(every=8), CPU), CalibrateConfig(every=5, lr=0.2), CPU
    ),
    "shared": lambda table: GeometricMix([Shared(table), SharedGated(ngram())], MixConfig(every=3), CPU),
    "linear": lambda table: LinearMix([table, ngram()], MixConfig(rule="linear")),
    "fixed": lambda table: LinearMix([table, ngram()], MixConfig(rule="fixed", weight=0.0)),
}


def ngram():
    return NgramScorer(VOCAB, NgramConfig(order=4), CPU)


def block(first, stop):
    return Block(0, np.arange(stop), (Window(0, 0, stop),), first, stop)


def step(first, rows):
    lane_K = np.arange(rows)
    return Step(lane_K, lane_K, lane_K < 0, first)


def test_parts_end_where_weights_move():
    assert parts(block(3, 9), 4) == [Part(0, 1, 1, True), Part(1, 5, 5, True), Part(5, 5, 6, False)]
    assert parts(block(4, 8), 4) == [Part(0, 3, 4, True)]
    assert parts(block(4, 7), 4) == [Part(0, 2, 3, False)]
    assert parts(step(3, 3), 4) == [Part(0, 0, 3, True)]
    assert parts(step(4, 3), 4) == [Part(0, 0, 3, False)]
    assert parts(step(3, 9), 4) == [Part(0, 0, 9, True)], "once, though two multiples were passed"


@pytest.mark.parametrize(("together", "every"), [(1, 8), (5, 8), (8, 8), (30, 8), (7, 1)])
def test_steps_of_several_rows_equal_the_plain_mixture(tokens_N, table_RV, together, every):
    other_RV = table_RV.flip(0)
    mix = GeometricMix([Table(table_RV), Table(other_RV)], MixConfig(every=every, share=1e-3), CPU)
    rows = []
    for first in range(0, 400, together):
        ask = step(first, min(together, 400 - first))
        rows.append(mix.predict(ask))
        mix.observe(ask, tokens_N[ask.first + 1 : ask.stop + 1].astype(np.int64))
    cell_R = np.searchsorted(ENTROPY_EDGES, entropy(table_RV).numpy())
    stacked = np.stack([table_RV.double().numpy(), other_RV.double().numpy()])
    expected, weight = plain_mixture(
        stacked, cell_R, tokens_N[1:].astype(int), ENTROPY_CELLS, 0.1, every, 1e-3, together
    )
    assert np.abs(torch.cat(rows).numpy() - expected).max() < 1e-4
    assert np.abs(mix.save()["weight_CS"].numpy() - weight).max() < 1e-5


@pytest.mark.parametrize("name", STACKS)
def test_one_lane_is_one_row_a_block(tokens_N, table_RV, name):
    stepwise, strict = STACKS[name](Table(table_RV)), STACKS[name](Table(table_RV))
    rows_RV = np.concatenate(walk(stepwise, documents(tokens_N), 1))
    strict.reset(tokens_N[:1].astype(np.int64))
    for row in (make_block(tokens_N, (Window(0, 0, 400),), i, i + 1) for i in range(400)):
        assert np.array_equal(strict.predict(row)[0].numpy(), rows_RV[row.first])
        strict.observe(row, tokens_N[row.first + 1 : row.stop + 1].astype(np.int64))
    assert strict.state_id() == stepwise.state_id()


@pytest.mark.parametrize("name", STACKS)
def test_portable_rows_depend_on_no_cut(tokens_N, table_RV, name, one_thread):
    with portable():
        cuts = [run_scorer(STACKS[name](Table(table_RV)), tokens_N, n) for n in (1, 4, 200)]
        probed = run_scorer(STACKS[name](Table(table_RV)), tokens_N, 3, probe=True)
        lane_RV = np.concatenate(walk(STACKS[name](Table(table_RV)), documents(tokens_N), 1))
    assert all(torch.equal(cuts[0], other) for other in (*cuts[1:], probed))
    assert np.array_equal(cuts[0].numpy(), lane_RV)
    ordinary = run_scorer(STACKS[name](Table(table_RV)), tokens_N, 4)
    assert (cuts[0] - ordinary).abs().max() < 2e-5
    assert (cuts[0] - ordinary).abs().mean() < 2e-6
