import multiprocessing
import os
import socket

import pytest
import torch
import torch.distributed as dist

from golfctl.core.machine.lost_ranks import lost_ranks
from golfctl.errors import InputError
from golfctl.scoring.ranks import joined_ranks


def raising(error):
    with lost_ranks(1, "go on like this"):
        raise error


def test_a_failed_collective_says_that_a_rank_was_lost(monkeypatch):
    closed = RuntimeError("[gloo/transport/tcp/pair.cc:525] Connection closed by peer [127.0.0.1]:1\nmore")
    with pytest.raises(RuntimeError, match="closed by peer"):
        raising(closed)  # no group: nobody to lose
    with pytest.raises(InputError, match="rank 1 lost touch with another rank .*; go on like this"):
        raising(dist.DistStoreError("timed out waiting for clients"))
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    with pytest.raises(InputError, match=r"Connection closed by peer \[127.0.0.1\]:1\)"):
        raising(closed)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        raising(RuntimeError("shape mismatch"))


def take_part(rank, port, answers):
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    try:
        with joined_ranks() as ranks:
            ranks.sum([torch.zeros(1)])
            if rank == 1:
                os._exit(9)  # as one that the kernel kills
            for _ in range(3):
                ranks.sum([torch.zeros(1)])
    except InputError as error:
        answers.put(str(error))


@pytest.mark.slow
def test_an_evaluation_that_lost_a_rank_says_so():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    crew = [spawn.Process(target=take_part, args=(rank, port, answers)) for rank in range(2)]
    for process in crew:
        process.start()
    said = answers.get(timeout=100)
    for process in crew:
        process.join(60)
    assert said.startswith("rank 0 lost touch with another rank") and "--resume FILE" in said
