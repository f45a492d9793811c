"""A process group that ended is gone: a thread of its that outlives it can abort the process on its way out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HANG_SECONDS, reserved_port

pytestmark = pytest.mark.slow

LEFT = """
import os, sys
import torch
import torch.distributed as dist
{imports}

with {joined}:
    import torch._dynamo  # what optimizers load at their first use
    tensor = torch.ones(1000)
    dist.all_reduce(tensor)
threads = [open(f"/proc/self/task/{{task}}/comm").read().strip() for task in os.listdir("/proc/self/task")]
sys.exit(" ".join(name for name in threads if "gloo" in name) or 0)
"""
JOINS = {
    "scoring": ("from golfctl.scoring.ranks import joined_ranks", "joined_ranks()"),
    "training": (
        "from golfctl.training.run.distributed import process_group",
        "process_group(torch.device('cpu'), 1800)",
    ),
}


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed by Linux only")
@pytest.mark.parametrize("room", JOINS)
def test_no_thread_of_the_group_is_left(room):
    imports, joined = JOINS[room]
    with reserved_port() as port:
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
        ranks = [
            subprocess.Popen(
                [sys.executable, "-c", LEFT.format(imports=imports, joined=joined)],
                env={**os.environ, **meeting, "RANK": str(rank)},
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(2)
        ]
        said = [process.communicate(timeout=HANG_SECONDS)[1] for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], said
