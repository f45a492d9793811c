"""How a run ends that could not go on: message, exit code, journal and the last good files, all at once."""

import errno
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from golfctl.cli.main import exit_code_of
from golfctl.core import files
from golfctl.core.progress import SILENT
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.training.run.run_folders import RunFolder, latest_checkpoint, run_records
from golfctl.training.run.store import newest_state
from tests.patience import HANG_SECONDS, reserved_port, until


def only_end(run):
    ends = run_records(run, "train.end")
    assert len(ends) == 1
    return ends[0]


def test_a_full_disk(tmp_path, tiny_recipe, dataset_path, monkeypatch, capsys):
    recipe = tmp_path / "tiny.toml"
    tiny_recipe(checkpoint_seconds=1e-6).write(recipe)
    words = ["train", str(recipe), "--data", str(dataset_path), "--device", "cpu", "--out"]
    assert exit_code_of([*words, str(tmp_path / "whole")]) == 0
    writes = []

    def fsync(handle):
        writes.append(handle)
        if len(writes) > 9:  # recipe, tokenizer, then checkpoint and state of steps 0 to 2, and the checkpoint of 3
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)

    capsys.readouterr()
    monkeypatch.setattr("golfctl.data.shard_digests.atomic_write", lambda *ignored: None)  # a cache, not the run
    with monkeypatch.context() as patch:
        patch.setattr(files, "os", SimpleNamespace(fdopen=os.fdopen, fsync=fsync))
        assert exit_code_of([*words, str(tmp_path / "run")]) == 3
    run = RunFolder(tmp_path / "run")
    expected = f"no room left to write {run.state(3)}; nothing was left behind: free space and retry"
    assert f"golfctl: {expected}" in capsys.readouterr().err.splitlines()
    end = only_end(run.path)
    assert (end["exit_code"], end["message"], end["step"]) == (3, expected, 3)
    assert newest_state(run, SILENT)[1].position.step == 2
    assert read_checkpoint(latest_checkpoint(run.path)).step == 3
    assert not list(run.path.glob(".*.tmp"))
    assert exit_code_of(["train", "--resume", "--device", "cpu", "--out", str(run.path)]) == 0
    assert latest_checkpoint(run.path).read_bytes() == latest_checkpoint(tmp_path / "whole").read_bytes()


def ranks(world, port, *words):
    """Processes as a launcher starts them, without one that would end the others."""
    shared = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "golfctl", "train", *words],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(world)
    ]  # fmt: skip


@pytest.mark.slow
def test_a_vanished_rank(tmp_path, tiny_recipe, dataset_path):
    recipe, run = tmp_path / "tiny.toml", RunFolder(tmp_path / "run")
    tiny_recipe(steps=100000, checkpoint_seconds=0.2, rank_timeout_seconds=HANG_SECONDS / 2).write(recipe)
    with reserved_port() as port:
        words = [str(recipe), "--data", str(dataset_path), "--out", str(run.path), "--quiet"]
        first, second = ranks(2, port, *words)
        try:
            until(lambda: len(run.states()) >= 2 or first.poll() is not None)
            second.send_signal(signal.SIGKILL)
            _, said = first.communicate(timeout=HANG_SECONDS)
            second.communicate(timeout=HANG_SECONDS)
        finally:
            for process in (first, second):
                process.kill()
    assert first.returncode == 3, said
    end = only_end(run.path)
    assert end["exit_code"] == 3 and f"golfctl: {end['message']}" in said.splitlines()
    assert end["message"].startswith("rank 0 lost touch with another rank")
    assert end["message"].endswith("the last checkpoint is intact: continue with --resume")
    saved = run_records(run.path, "train.checkpoint")[-1]["step"]
    assert 0 < saved <= end["step"]
    assert newest_state(run, SILENT)[1].position.step >= saved
    assert read_checkpoint(run.checkpoint(saved)).step == saved
