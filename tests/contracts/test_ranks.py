"""One score for any number of ranks: real processes under gloo, every stack, W = 1, 2, 3, 4."""

import math

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing

from golfctl.evaluation.runner import BlockPlan, run
from golfctl.model.weights.new_model import build_model
from golfctl.scoring.compose import Setting, compose
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import Ranks
from tests.contracts.test_scorers import CPU, STACKS, VOCAB, made_stream
from tests.unit.model.cases import shake, small

EXACT = ("neural", "documents", "rolling", "rolling documents", "ngram", "ctw", "fixed", "slot", "lora")
BATCH = 3
WORLDS = (1, 2, 3, 4)


def scores(ranks):
    """Nats of every stack's rows on one rank."""
    torch.set_num_threads(1)
    stream, found = made_stream(), {}
    for name, table in STACKS.items():
        model = shake(build_model(small(), 0)).eval().requires_grad_(False)
        config = EvalConfig.from_dict({"seq_len": 32, "stride": 8, "batch": BATCH, **table})
        scorer = compose(config, Setting(model, VOCAB, 32, stream.rows, CPU, ranks))
        starts = tuple(stream.lane_starts()) if config.context == "documents" else None
        lanes = config.ttt.lanes if config.ttt and config.ttt.form == "lora" else None
        plan = BlockPlan(stream.rows, 32, 8, BATCH * ranks.world, starts, lanes)
        done = run(scorer, stream, plan, probe=False)
        assert done.ledger.single_pass()["verdict"] is True
        found[name] = done.ledger.nll_R.copy()
    return found


def one_rank(rank, folder):
    """One of four processes: takes part in every world that is large enough to need it."""
    for world in WORLDS:
        if rank < world:
            dist.init_process_group("gloo", f"file://{folder}/meet{world}", rank=rank, world_size=world)
            np.savez(folder / f"{world}-{rank}.npz", **scores(Ranks(rank, world)))
            dist.destroy_process_group()


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Scores of every rank of every world, and those of a process without a group; all processes start once."""
    folder = tmp_path_factory.mktemp("worlds")
    torch.multiprocessing.spawn(one_rank, (folder,), nprocs=max(WORLDS))
    return folder, scores(Ranks())


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_ranks_agree_with_one_process(world, worlds):
    """Bit-equal where forwards are shared and counts replicated, else to 1e-6 bits per byte, on every rank."""
    folder, alone = worlds
    for rank in range(world):
        found = np.load(folder / f"{world}-{rank}.npz")
        assert set(found) == set(STACKS)
        for name, nll_R in found.items():
            assert nll_R.shape == alone[name].shape and np.isfinite(nll_R).all()
            if name in EXACT or world == 1:
                assert np.array_equal(nll_R, alone[name]), name
            else:
                bits_per_byte = abs(nll_R.sum() - alone[name].sum()) / math.log(2) / 900
                assert bits_per_byte <= 1e-6, name
