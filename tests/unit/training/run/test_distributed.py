"""Real processes over gloo, as torchrun starts them."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from golfctl.errors import DependencyError, InputError, UsageError
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.training.run.distributed import choose_threads, resolve_device
from golfctl.training.run.run_folders import RunFolder, latest_checkpoint, run_records
from tests.patience import HANG_SECONDS, until


def test_devices_that_are_not_there_are_named(monkeypatch):
    assert resolve_device("cpu").type == "cpu"
    with pytest.raises(InputError, match="unknown device"):
        resolve_device("abacus")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DependencyError, match="'cuda' is not usable"):
        resolve_device("cuda")


def test_every_local_rank_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda:1")
    assert resolve_device("cuda:0") == torch.device("cuda:0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="every rank the same GPU"):
        resolve_device("cuda:0")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(DependencyError, match="no cuda:2 here: this machine shows 2 GPUs"):
        resolve_device("cuda")


def test_threads_are_shared_out_among_local_ranks(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert choose_threads(None) == 8 and choose_threads(3) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # torchrun sets it
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert choose_threads(None) == 2


def torchrun(ranks, recipe, data, out, **options):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    arguments = ["-m", "golfctl", "train", str(recipe), "--data", str(data), "--out", str(out), "--quiet"]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path, tiny_recipe, dataset_path):
    recipe = tmp_path / "tiny.toml"
    tiny_recipe(dtype="float64").write(recipe)
    weights = []
    for ranks in (1, 2):
        process = torchrun(ranks, recipe, dataset_path, tmp_path / str(ranks))
        assert process.wait(timeout=HANG_SECONDS) == 0, process.stderr.read()
        process.stderr.close()
        weights.append(read_checkpoint(latest_checkpoint(tmp_path / str(ranks))).tensors)
    for name, tensor in weights[0].items():
        assert float((weights[1][name] - tensor).norm()) <= 1e-6 * float(tensor.norm())


@pytest.mark.slow
def test_a_rank_that_vanishes_ends_the_run_and_keeps_the_state(tmp_path, tiny_recipe, dataset_path):
    recipe = tmp_path / "tiny.toml"
    tiny_recipe(steps=100000, checkpoint_seconds=0.2).write(recipe)
    out = tmp_path / "run"
    process = torchrun(2, recipe, dataset_path, out)
    until(lambda: len(RunFolder(out).states()) >= 2 or process.poll() is not None)
    ranks = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(ranks[-1]), signal.SIGKILL)
    assert process.wait(timeout=HANG_SECONDS) != 0
    process.stderr.close()
    assert RunFolder(out).states() and run_records(out, "train.checkpoint")
