import numpy as np
import torch

from golfctl.scoring.config import CalibrateConfig
from golfctl.scoring.mixing.calibrate import CalibratedScorer
from tests.unit.scoring.mixing.test_mix import VOCAB, Table, run_scorer

CPU = torch.device("cpu")


def table(scale=1.0):
    return torch.log_softmax(scale * torch.randn(400, VOCAB, generator=torch.Generator().manual_seed(1)), -1)


def test_rates_of_zero_change_nothing(tokens_N):
    config = CalibrateConfig(lr=0.0, bias_lr=0.0)
    rows_RV = run_scorer(CalibratedScorer(Table(table()), config, CPU), tokens_N)
    assert (rows_RV - table()).abs().max() < 1e-5


def test_rows_depend_neither_on_blocks_nor_on_probes(tokens_N):
    def rows(per_block, probe=False):
        return run_scorer(CalibratedScorer(Table(table()), CalibrateConfig(), CPU), tokens_N, per_block, probe)

    assert (rows(1) - rows(9)).abs().max() < 1e-5
    assert torch.equal(rows(4), rows(4, probe=True))
    assert torch.logsumexp(rows(4).double(), -1).abs().max() < 1e-6


def test_overconfident_rows_are_cooled_and_frequent_tokens_found(tokens_N):
    target = torch.from_numpy(tokens_N[1:].astype(np.int64))[:, None]

    def loss(rows_RV):
        return float(-rows_RV.gather(1, target).mean())

    config = CalibrateConfig(lr=0.2, bias_lr=0.1)
    assert loss(run_scorer(CalibratedScorer(Table(table(3.0)), config, CPU), tokens_N)) < loss(table(3.0)) - 0.5
