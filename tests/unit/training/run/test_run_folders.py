import os
import subprocess
import sys

import pytest

from golfctl.core.journal import Journal
from golfctl.errors import CheckpointError, InputError
from golfctl.training.run.run_folders import (
    RunFolder,
    chosen,
    held,
    is_run,
    is_training,
    latest_checkpoint,
    latest_run,
    logged_steps,
    numbered_run,
    run_data,
    run_of,
    run_records,
    run_to_resume,
)


def make_run(path, when=0, step=None):
    path.mkdir(parents=True)
    (path / "recipe.toml").write_text("")
    journal = Journal(path / "journal.jsonl")
    journal.append("train.start", {"data": {"path": str(path)}})
    os.utime(path / "journal.jsonl", (when, when))
    if step is not None:
        RunFolder(path).checkpoint(step).write_bytes(b"")
    return RunFolder(path)


def test_the_latest_run_is_the_trained_one_written_to_last(tmp_path):
    make_run(tmp_path / "b", when=200, step=7)
    make_run(tmp_path / "a", when=300, step=3)
    make_run(tmp_path / "untrained", when=400, step=0)
    make_run(tmp_path / "empty", when=500)
    (tmp_path / "no-run").mkdir()
    assert latest_run(tmp_path) == run_to_resume(tmp_path) == tmp_path / "a"
    passed_over = f"{tmp_path / 'empty'}, {tmp_path / 'untrained'}"
    assert chosen(tmp_path / "a") == f"{tmp_path / 'a'} (newer, but without a trained step: {passed_over})"
    with pytest.raises(InputError, match="golfctl train"):
        latest_run(tmp_path / "nothing")
    with pytest.raises(InputError, match="golfctl train"):
        run_to_resume(tmp_path / "nothing")


def test_where_no_run_is_trained_one_can_only_be_resumed(tmp_path):
    make_run(tmp_path / "a", when=300, step=0)
    make_run(tmp_path / "b", when=200)
    with pytest.raises(InputError, match=f"has a trained step.*--resume --out {tmp_path / 'a'}"):
        latest_run(tmp_path)
    assert run_to_resume(tmp_path) == tmp_path / "a"
    assert chosen(tmp_path / "a") == str(tmp_path / "a")


def test_curves_are_those_of_the_latest_run_that_logged_any(tmp_path):
    make_run(tmp_path / "saved", when=200, step=7)
    logged = make_run(tmp_path / "logged").journal
    Journal(logged).append("train.log", {"step": 20})
    os.utime(logged, (300, 300))
    make_run(tmp_path / "begun", when=400, step=0)
    assert latest_run(tmp_path) == tmp_path / "saved"
    assert latest_run(tmp_path, logged_steps) == tmp_path / "logged"


def test_whoever_trains_a_run_holds_it_as_long_as_it_lives(tmp_path):
    run = make_run(tmp_path / "run").path
    assert not is_training(run)
    with held(run):
        assert is_training(run)
    assert not is_training(run)
    held_code = "import sys; from golfctl.training.run.run_folders import held"
    code = f"{held_code}\nwith held(sys.argv[1]): print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code, run], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"\n" and is_training(run)
        holder.kill()
    assert not is_training(run)


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


def test_a_recipe_alone_makes_nobody_elses_folder_a_run(tmp_path):
    (tmp_path / "recipe.toml").write_text("[train]\nsteps = 3\n")
    assert run_of(tmp_path / "m.golf") is None
    (tmp_path / "journal.jsonl").touch()
    assert run_of(tmp_path / "m.golf") == tmp_path
