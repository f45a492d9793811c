"""The evaluation service leaves what it is given as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from golfctl.evaluation.job import Job, climb_stream, score_stream
from golfctl.evaluation.scored_model import ScoredModel
from golfctl.evaluation.stream import Stream
from golfctl.model.weights.new_model import build_model
from golfctl.scoring.config import EvalConfig
from tests.unit.model.cases import shake, small

CPU = torch.device("cpu")
CONFIG = {
    "seq_len": 32, "stride": 16, "batch": 4, "ttt": {"chunk": 64, "lr": 0.05}, "slot": {"steps": 1, "span": 8},
    "ngram": {"order": 3},
}  # fmt: skip


def climbed(job):
    return climb_stream(job)


def scored(job):
    return score_stream(replace(job, evidence=False))


def stepped(job):
    values = {**job.config.to_dict(), "stepwise": True, "lanes": 3}
    return score_stream(replace(job, config=EvalConfig.from_dict(values)))


@pytest.mark.parametrize("form", [scored, climbed, stepped])
def test_adaptation_ends_with_the_run(form, one_thread):
    model = shake(build_model(small(), 0)).eval().requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    tokens_N = np.random.default_rng(0).integers(2, 48, 200).astype(np.uint16)
    stream = Stream.of_arrays(tokens_N, np.zeros(1, int), np.array([400]), np.ones(200, np.int64), "x")
    source = ScoredModel(model, "artifact", Path("m.golf"), "0", 48, None, 32, {})
    config = EvalConfig.from_dict({**CONFIG, "dtype": "float32"})
    first, second = (form(Job(source, stream, config, CPU)).ledger.nll_R for _ in range(2))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert np.array_equal(first, second)
