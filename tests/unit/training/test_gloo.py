"""One computation on 1, 2, 3, 4 and 8 real gloo processes, and the collectives that they start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from golfctl.core.recipe import Recipe
from tests.patience import HANG_SECONDS

STEPS = 20
WORLDS = (2, 3, 4, 8)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ended(tmp_path_factory, dataset_path, tiny_tables):
    """A function: weights and collectives of a rank of a world, both precisions trained by one spawn per world."""
    folder = tmp_path_factory.mktemp("gloo")
    tables = tiny_tables()
    tables["train"] |= {"steps": STEPS}
    tables["model"] |= {"layers": 11, "dim": 8}
    Recipe(tables, "test recipe").write(folder / "tiny.toml")
    program = Path(__file__).with_name("gloo_ranks.py")
    words = [str(program), str(folder / "tiny.toml"), str(dataset_path), str(STEPS), str(folder)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.returncode == 0, done.stderr[-3000:]

    def read(world, rank, dtype):
        stem = f"{world}-{rank}-{dtype}"
        return load_file(folder / f"{stem}.safetensors"), json.loads((folder / f"{stem}.json").read_text())

    return read


@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-10), ("float32", 2e-4)])
@pytest.mark.parametrize("world", WORLDS)
def test_any_number_of_processes_computes_what_one_does(ended, world, dtype, limit):
    alone, _ = ended(1, 0, dtype)
    for rank in range(world):
        weights, _ = ended(world, rank, dtype)
        assert weights.keys() == alone.keys()
        for name, tensor in alone.items():
            assert float((weights[name] - tensor).norm()) < limit * float(tensor.norm()), (rank, name)


@pytest.mark.parametrize(("dtype", "size"), [("float64", 8), ("float32", 4)])
@pytest.mark.parametrize("world", WORLDS)
def test_processes_start_the_collectives_of_the_plan(ended, world, dtype, size):
    kinds = ["reduce_scatter"] * 4 + ["all_reduce"] * 2 + ["all_gather"] * 4
    per_rank = -(-22 // world)  # 22 query and output matrices of 8 × 8
    for rank in range(world):
        _, collectives = ended(world, rank, dtype)
        plan = collectives["plan"]
        assert [operation for operation, _ in plan] == kinds
        assert ["reduce_scatter", per_rank * world * 64 * size] in plan
        assert ["all_gather", per_rank * 64 * size] in plan
        assert collectives["trace"] == plan * STEPS
    assert ended(1, 0, dtype)[1] == {"trace": [], "plan": []}
