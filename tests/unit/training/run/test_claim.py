import os
import shutil
from pathlib import Path

import pytest
import torch

from golfctl.core.recipe import Recipe
from golfctl.errors import InputError, StorageError, UsageError
from golfctl.optim.collectives import Alone
from golfctl.training.run.claim import claimed
from golfctl.training.run.run_folders import RunFolder, run_records
from golfctl.training.train import train
from golfctl.training.trainer import Trainer
from tests.holding import holding

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def claim(path, resume=False):
    return claimed(path, resume, Alone(), CPU)


def test_the_second_training_is_told_of_the_first(tmp_path, tiny_recipe, dataset_path):
    run = tmp_path / "run"
    with holding("lock", run / ".lock") as other:
        for resume in (False, True):
            (run / "recipe.toml").touch()
            told = rf"run is being trained by another process \(pid {other.pid}: "
            with pytest.raises(UsageError, match=told), claim(run, resume):
                pass
        assert sorted(os.listdir(run)) == [".lock", "recipe.toml"]
        other.kill()
        other.wait()
    with claim(run, resume=True):
        pass


def test_trainings_without_a_name_do_not_share_a_folder(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with holding("lock", Path("runs/tiny/.lock")), pytest.raises(UsageError, match="runs/tiny is being trained by"):
        train(tiny_recipe(), dataset_path, name="tiny")
    assert train(tiny_recipe(steps=1), dataset_path, name="tiny").run == Path("runs/tiny-2")


def test_a_refused_claim_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="nothing to resume"), claim(tmp_path / "a", resume=True):
        pass
    with claim(tmp_path / "a" / "b"):
        assert os.listdir(tmp_path / "a" / "b") == [".lock"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(UsageError, match="already exists and is not empty"), claim(tmp_path / "full"):
        pass
    assert os.listdir(tmp_path) == ["full"] and os.listdir(tmp_path / "full") == ["thesis.tex"]


@pytest.mark.parametrize("out", ["/dev/null/x", "file", "file/below", "/proc/nothing/x"])
def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(StorageError, match=f"cannot write {out}"), claim(Path(out)):
        pass


def test_a_training_that_was_killed_at_its_start_may_begin_again(tmp_path, tiny_recipe, dataset_path):
    run = tmp_path / "run"
    with holding("lock", run / ".lock"):
        pass  # killed, between tokenizer and recipe
    (run / "tokenizer.model").write_bytes(b"whole")
    (run / ".recipe.toml.abcdefgh.tmp").write_bytes(b"half")
    (run / ".recipe.toml.lock").touch()
    assert train(tiny_recipe(steps=1), dataset_path, run).step == 1
    assert not [name for name in os.listdir(run) if name.startswith(".")]
    other = tmp_path / "other"
    other.mkdir()
    (other / "tokenizer.model").write_bytes(b"somebody's own")
    with pytest.raises(UsageError, match="not empty"), claim(other):
        pass


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_goes_in_the_middle_is_not_made_again(tmp_path, tiny_recipe, dataset_path, monkeypatch, replaced):
    run, step = tmp_path / "run", Trainer.step

    def removing(self, clock):
        if self.steps_done == 3:
            shutil.rmtree(run)
            if replaced:
                (run / "deep").mkdir(parents=True)
                RunFolder(run).lock.touch()
        return step(self, clock)

    monkeypatch.setattr(Trainer, "step", removing)
    with pytest.raises(StorageError, match="run was moved, removed or replaced while it was being trained"):
        train(tiny_recipe(), dataset_path, run)
    assert sorted(os.listdir(run)) == [".lock", "deep"] if replaced else not run.exists()


def test_packing_and_scoring_go_on_beside_training(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    run, step = tmp_path / "run", Trainer.step

    def packing(self, clock):
        if self.steps_done == 3:
            from golfctl.core.journal import add_receipt
            from golfctl.packing.config import PackConfig
            from golfctl.packing.pack import pack

            pack(RunFolder(run).checkpoints()[-1], PackConfig(coder="zlib"))
            add_receipt(RunFolder(run).journal, "eval", {}, print)
        return step(self, clock)

    monkeypatch.setattr(Trainer, "step", packing)
    train(tiny_recipe(), dataset_path, run)
    assert RunFolder(run).artifact.is_file() and len(run_records(run, "pack")) == len(run_records(run, "eval")) == 1
    assert run_records(run, "train.end")[-1]["exit_code"] == 0
    assert Recipe.load(RunFolder(run).recipe).tables["train"]["steps"] == 6
