"""One score for any number of ranks: real processes under gloo, every stack, W = 1, 2, 3, 4."""

import math
import socket

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing

from golfctl.evaluation.runner import Plan, run
from golfctl.model.build import build_model
from golfctl.scoring.compose import Setting, compose
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import Ranks
from tests.contracts.test_scorers import CPU, STACKS, VOCAB, made_stream
from tests.unit.model.cases import shake, small

EXACT = ("neural", "documents", "rolling", "rolling documents", "ngram", "ctw", "fixed", "slot", "lora")
BATCH = 3


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
        plan = Plan(stream.rows, 32, 8, BATCH * ranks.world, starts, False, lanes)
        done = run(scorer, stream, plan, probe=False)
        assert done.ledger.single_pass()["verdict"] is True
        found[name] = done.ledger.nll_R.copy()
    return found


def one_rank(rank, world, port, folder):
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    np.savez(folder / f"{rank}.npz", **scores(Ranks(rank, world)))
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 3, 4])
def test_ranks_agree_with_one_process(world, tmp_path, one_thread):
    """Each target once; bit-equal where forwards are shared and counts replicated, else to 1e-6 bits per byte."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(one_rank, (world, port, tmp_path), nprocs=world)
    alone = scores(Ranks())
    for rank in range(world):
        for name, nll_R in np.load(tmp_path / f"{rank}.npz").items():
            assert len(nll_R) == len(alone[name])
            if name in EXACT:
                assert np.array_equal(nll_R, alone[name]), name
            else:
                bits_per_byte = abs(nll_R.sum() - alone[name].sum()) / math.log(2) / 900
                assert bits_per_byte <= 1e-6, name
