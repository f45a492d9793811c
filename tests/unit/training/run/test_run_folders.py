import os
import subprocess
import sys

import pytest

from golfctl.core.journal import Journal
from golfctl.errors import CheckpointError, InputError
from golfctl.training.run.run_folders import (
    RunFolder,
    is_run,
    latest_checkpoint,
    latest_run,
    numbered_run,
    run_data,
    run_records,
)


def make_run(path, when=0):
    path.mkdir(parents=True)
    (path / "recipe.toml").write_text("")
    journal = Journal(path / "journal.jsonl")
    journal.append("train.start", {"data": {"path": str(path)}})
    os.utime(path / "journal.jsonl", (when, when))
    return RunFolder(path)


def test_the_latest_run_is_the_one_written_to_last(tmp_path):
    make_run(tmp_path / "b", when=200)
    make_run(tmp_path / "a", when=300)
    (tmp_path / "no-run").mkdir()
    assert latest_run(tmp_path) == tmp_path / "a"
    with pytest.raises(InputError, match="golfctl train"):
        latest_run(tmp_path / "nothing")


def test_checkpoints_are_ordered_by_step_not_by_name(tmp_path):
    run = make_run(tmp_path / "run")
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        latest_checkpoint(run.path)
    for name in ("checkpoint-0000010.safetensors", "checkpoint-12345678.safetensors", "checkpoint-x.safetensors"):
        (run.path / name).write_bytes(b"")
    assert latest_checkpoint(run.path).name == "checkpoint-12345678.safetensors"
    assert [p.name for p in run.checkpoints()] == ["checkpoint-0000010.safetensors", "checkpoint-12345678.safetensors"]


def test_the_data_of_a_run_comes_from_its_journal(tmp_path):
    run = make_run(tmp_path / "run")
    assert run_data(run.path) == run.path
    assert run_records(run.path, "train.start") == [{"data": {"path": str(run.path)}}]
    Journal(run.journal).append("train.start", {"data": {"path": str(tmp_path / "gone")}})
    with pytest.raises(InputError, match="not there any more"):
        run_data(run.path)


def test_a_run_killed_before_its_first_record_names_no_data(tmp_path):
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(CheckpointError, match="--data DIR"):
        run_data(tmp_path)


def test_numbered_names(tmp_path):
    assert numbered_run("x", 1, tmp_path) == tmp_path / "x"
    assert numbered_run("x", 3, tmp_path) == tmp_path / "x-3"
    assert not is_run(tmp_path)


def test_finding_runs_needs_no_torch():
    code = "import golfctl.training.run.run_folders, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
