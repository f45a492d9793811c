"""A run killed with SIGKILL at any moment resumes and ends bit for bit where the uninterrupted run ends."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from golfctl.training.run.run_folders import latest_checkpoint, run_records
from tests.patience import until

pytestmark = pytest.mark.slow
MOMENTS = int(os.environ.get("GOLFCTL_KILLS", "3"))  # the bar is 20: GOLFCTL_KILLS=20 pytest -m slow -k killed


def start(recipe, data, out, *more):
    command = [sys.executable, "-m", "golfctl", "train", "--data", str(data), "--out", str(out), "--quiet", *more]
    return subprocess.Popen(command if "--resume" in more else [*command, str(recipe)], stdout=subprocess.DEVNULL)


def test_a_killed_run_resumes_bit_for_bit(tmp_path, tiny_recipe, dataset_path):
    recipe = tmp_path / "tiny.toml"
    tiny_recipe(steps=150, checkpoint_seconds=0.01, keep_checkpoints=3).write(recipe)
    assert start(recipe, dataset_path, tmp_path / "whole").wait() == 0
    whole = latest_checkpoint(tmp_path / "whole").read_bytes()
    seconds = run_records(tmp_path / "whole", "train.end")[-1]["seconds"]
    for moment in range(MOMENTS):
        out = tmp_path / f"killed-{moment}"
        process = start(recipe, dataset_path, out)
        until(lambda: list(out.glob("state-*" if moment else "recipe.toml")) or process.poll() is not None)  # noqa: B023
        time.sleep(random.Random(moment).uniform(0, seconds) if moment else 0.0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert start(recipe, dataset_path, out, "--resume").wait() == 0
        assert latest_checkpoint(out).read_bytes() == whole
