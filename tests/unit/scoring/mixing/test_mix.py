import numpy as np
import pytest
import torch

from golfctl.scoring.config import MixConfig, NgramConfig
from golfctl.scoring.counts.ngram import NgramScorer
from golfctl.scoring.mixing.gate_cells import ENTROPY_EDGES
from golfctl.scoring.mixing.geometric import GeometricMix
from golfctl.scoring.mixing.linear_mix import LinearMix
from golfctl.scoring.mixing.row_math import entropy
from golfctl.scoring.windows import blocks, group_windows, sliding_windows
from tests.oracles.mixing import plain_mixture

CPU = torch.device("cpu")
VOCAB = 48


class Table:
    """Rows fixed in advance."""

    vocab_size, barrier_rows = VOCAB, None

    def __init__(self, rows_RV, gate_R=None, gates=1):
        self.rows_RV = rows_RV
        if gate_R is not None:
            self.all_gates, self.gates, self.gate_R = gate_R, gates, gate_R[:0]

    def reset(self, prefix_N):
        pass

    def predict(self, block):
        if hasattr(self, "gates"):
            self.gate_R = self.all_gates[block.first : block.stop]
        return self.rows_RV[block.first : block.stop]

    def observe(self, block, targets_R):
        pass

    def state_id(self):
        return ""


def blocks_of(tokens_N, per_block):
    return blocks(tokens_N, group_windows(sliding_windows(len(tokens_N) - 1, 16, 5), per_block, None))


def run_scorer(scorer, tokens_N, per_block=4, probe=False):
    scorer.reset(tokens_N[:1].astype(np.int64))
    rows = []
    for block in blocks_of(tokens_N, per_block):
        rows.append(scorer.predict(block))
        if probe:
            scorer.predict(type(block)(block.origin, (block.ids_N + 7) % VOCAB, block.windows, block.first, block.stop))
        scorer.observe(block, tokens_N[block.first + 1 : block.stop + 1].astype(np.int64))
    return torch.cat(rows)


@pytest.fixture
def tables():
    generator = torch.Generator().manual_seed(3)
    rows = [torch.log_softmax(2 * torch.randn(400, VOCAB, generator=generator), -1) for _ in range(2)]
    return rows, np.random.default_rng(0).integers(0, 3, 400)


@pytest.mark.parametrize("every", [1, 8, 32])
def test_the_mixture_equals_one_row_at_a_time(tokens_N, tables, every):
    rows, gate_R = tables
    mix = GeometricMix([Table(rows[0]), Table(rows[1], gate_R, 3)], MixConfig(every=every, lr=0.1, share=1e-3), CPU)
    mixed_RV = run_scorer(mix, tokens_N)
    cell_R = np.searchsorted(ENTROPY_EDGES, entropy(rows[0]).numpy()) + (len(ENTROPY_EDGES) + 1) * gate_R
    cells = 3 * (len(ENTROPY_EDGES) + 1)
    stacked = np.stack([r.double().numpy() for r in rows])
    expected, weight = plain_mixture(stacked, cell_R, tokens_N[1:].astype(int), cells, 0.1, every, 1e-3)
    assert np.abs(mixed_RV.numpy() - expected).max() < 1e-4
    assert np.abs(mix.save()["weight_CS"].numpy() - weight).max() < 1e-5


def test_rows_depend_neither_on_blocks_nor_on_probes(tokens_N, tables):
    rows, gate_R = tables

    def mixed(per_block, probe=False):
        scorers = [Table(rows[0]), Table(rows[1], gate_R, 3), NgramScorer(VOCAB, NgramConfig(order=3), CPU)]
        return run_scorer(GeometricMix(scorers, MixConfig(), CPU), tokens_N, per_block, probe)

    one = mixed(1)
    assert (one - mixed(9)).abs().max() < 1e-5
    assert torch.equal(mixed(4), mixed(4, probe=True))


def test_weight_zero_and_rate_zero_leave_the_first_scorer_as_it_is(tokens_N, tables):
    rows, gate_R = tables
    for config in (MixConfig(lr=0.0), MixConfig(rule="fixed", weight=0.0), MixConfig(rule="linear", low=0.0, span=0.0)):
        kind = GeometricMix if config.rule == "geometric" else LinearMix
        arguments = (CPU,) if config.rule == "geometric" else ()
        mixed_RV = run_scorer(kind([Table(rows[0]), Table(rows[1], gate_R, 3)], config, *arguments), tokens_N)
        assert (mixed_RV - rows[0]).abs().max() < 1e-5


def test_linear_mixtures_are_what_they_say(tokens_N, tables):
    rows, gate_R = tables
    mixed_RV = run_scorer(LinearMix([Table(rows[0]), Table(rows[1])], MixConfig(rule="fixed", weight=0.3)), tokens_N)
    assert torch.allclose(mixed_RV.exp(), 0.7 * rows[0].exp() + 0.3 * rows[1].exp(), atol=1e-6)
    config = MixConfig(rule="linear")
    adaptive = LinearMix([Table(rows[0]), Table(rows[1], gate_R, 3)], config)
    mixed_RV = run_scorer(adaptive, tokens_N)
    a_R1 = (adaptive.weight(rows[0]) * torch.from_numpy(gate_R > 0))[:, None]
    assert torch.allclose(mixed_RV.exp(), (1 - a_R1) * rows[0].exp() + a_R1 * rows[1].exp(), atol=1e-6)


def test_a_useful_expert_helps_and_a_useless_one_costs_little(tokens_N):
    rng = np.random.default_rng(0)
    uniform = torch.full((400, VOCAB), -np.log(VOCAB), dtype=torch.float32)
    target = torch.from_numpy(tokens_N[1:].astype(np.int64))[:, None]

    def loss(scorers):
        return float(-run_scorer(GeometricMix(scorers, MixConfig(), CPU), tokens_N).gather(1, target).mean())

    assert loss([Table(uniform), NgramScorer(VOCAB, NgramConfig(order=4), CPU)]) < np.log(VOCAB) - 0.5
    noise = torch.log_softmax(torch.from_numpy(rng.normal(size=(400, VOCAB)).astype(np.float32)), -1)
    assert loss([Table(uniform), Table(noise)]) < np.log(VOCAB) + 0.05


def test_where_nothing_can_be_gained_the_guard_bounds_the_cost():
    rows_RV = torch.log_softmax(2 * torch.randn(4000, VOCAB, generator=torch.Generator().manual_seed(0)), -1)
    drawn = torch.multinomial(rows_RV.exp(), 1, generator=torch.Generator().manual_seed(1))
    tokens_N = np.concatenate([[1], drawn[:, 0].numpy()]).astype(np.uint16)
    mix = GeometricMix([Table(rows_RV), NgramScorer(VOCAB, NgramConfig(order=4), CPU)], MixConfig(), CPU)
    cost = rows_RV.gather(1, drawn).sum() - run_scorer(mix, tokens_N).gather(1, drawn).sum()
    assert float(cost) < 2.0, "the first scorer is the source itself: nothing can beat it for long"
