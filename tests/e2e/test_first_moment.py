"""Ctrl-C in the first moments of a full-size recipe on a CPU: one true line in seconds, nothing half-written.

The limits only guard against hangs; how long an answer takes stands in docs/training.md.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from golfctl.training.run.run_folders import RunFolder, is_run
from tests.e2e.conftest import golfctl
from tests.patience import HANG_SECONDS

pytestmark = pytest.mark.slow

RECIPE = Path(__file__).parents[2] / "examples" / "pr549.toml"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, shared_cache):
    """The environment in which the embedded corpus is there already."""
    golfctl("train", "--dry-run", cwd=tmp_path_factory.mktemp("corpus"), env=shared_cache)
    return shared_cache


def stopped(words, cwd, env, seen):
    """Start golfctl, send SIGINT once it has said `seen`; how it ended and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "golfctl", *map(str, words)],
        cwd=cwd, env={**os.environ, **env}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    with process:
        said = []
        for line in process.stderr:
            said.append(line.rstrip())
            if line.startswith(seen):
                process.send_signal(signal.SIGINT)
                break
        _, rest = process.communicate(timeout=HANG_SECONDS)
    said += rest.splitlines()
    assert process.returncode == 130, said
    assert "Traceback" not in "\n".join(said)
    return said


@pytest.mark.parametrize(
    "seen",
    [
        "recipe: ",  # before torch is imported
        "run: ",  # before the network is built
        "this recipe is too large for this CPU",  # while it is being built
    ],
)
def test_before_anything_is_written(tmp_path, corpus, seen):
    said = stopped(["train", RECIPE, "--out", "run"], tmp_path, corpus, seen)
    assert said[-1] in ("golfctl: interrupted", "golfctl: stopped by SIGINT before the first step; nothing was written")
    assert not (tmp_path / "run").exists()


def test_in_the_first_step(tmp_path, corpus):
    """Steps of this recipe take minutes at least; the journal exists once the state of step 0 is being written."""
    quick = ["--set", "train.compile=false", "--set", "train.dtype=float32", "--set", "train.node_benchmark_seconds=0"]
    words = ["train", RECIPE, "--out", "run", *quick, "--set", "train.calibration=none"]
    said = stopped(words, tmp_path, corpus, "train: ")
    run = RunFolder(tmp_path / "run")
    assert is_run(run.path) and "holds no trained step" in said[-1] and "train --resume --out run" in said[-1]
    assert [path.name for path in run.checkpoints()] == ["checkpoint-0000000.safetensors"]
    assert not list(run.path.glob(".*.tmp"))


def test_a_dry_run(tmp_path, corpus):
    said = stopped(["train", RECIPE, "--dry-run"], tmp_path, corpus, "measuring")
    assert said[-1] == "golfctl: stopped by SIGINT while measuring; nothing was written"
