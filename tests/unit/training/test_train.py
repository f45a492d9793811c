"""Whole runs of a tiny model."""

import os
import signal
import time

import pytest
import torch

from golfctl.core.journal import read_journal
from golfctl.core.progress import SILENT
from golfctl.data.build import build_dataset, split_explicit
from golfctl.data.dataset import Dataset
from golfctl.data.text.sources import Document
from golfctl.errors import CheckpointError, ConfigError, InterruptedRun, NumericsError, StorageError, UsageError
from golfctl.optim.collectives import Alone
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.training import train as trains
from golfctl.training import trainer
from golfctl.training.meters.training_clock import TrainingClock
from golfctl.training.run import store
from golfctl.training.run.run_folders import RunFolder, held, latest_checkpoint, run_data, run_records, step_of
from golfctl.training.setup import prepare
from golfctl.training.train import train
from golfctl.training.trainer import Trainer
from tests.patience import FOREVER_SECONDS

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_run_leaves_everything_later_steps_need(tmp_path, tiny_recipe, dataset_path):
    result = train(tiny_recipe(steps=30), dataset_path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    checkpoint = read_checkpoint(result.checkpoint)
    assert result.step == 30 and checkpoint.step == 30 and checkpoint.tokenizer
    assert checkpoint.provenance["weights"] == "ema" and checkpoint.provenance["sequence_length"] == 16
    assert run_data(run.path) == dataset_path.resolve()
    kinds = [record.kind for record in read_journal(run.journal).records]
    assert kinds[0] == "train.start" and kinds[-1] == "train.end"
    losses = [body["loss"] for body in run_records(run.path, "train.log")]
    assert len(losses) == 15 and losses[-1] < losses[0] - 0.5
    assert result.held_out is not None and result.held_out.loss < losses[0]


def test_the_same_recipe_gives_the_same_bytes(tmp_path, tiny_recipe, dataset_path):
    files = [train(tiny_recipe(), dataset_path, tmp_path / name).checkpoint.read_bytes() for name in "ab"]
    assert files[0] == files[1]


@pytest.mark.parametrize("kind", ["none", "ema", "swa"])
def test_an_interrupted_run_resumes_bit_for_bit(tmp_path, tiny_recipe, dataset_path, monkeypatch, kind):
    recipe = tiny_recipe(average={"kind": kind, "every": 2, "below_scale": 0.9})
    whole = train(recipe, dataset_path, tmp_path / "whole")
    step = Trainer.step

    def interrupting(self, clock):
        if self.steps_done == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, clock)

    monkeypatch.setattr(Trainer, "step", interrupting)
    with pytest.raises(InterruptedRun, match="SIGTERM after step 4"):
        train(recipe, dataset_path, tmp_path / "broken")
    monkeypatch.setattr(Trainer, "step", step)
    assert run_records(tmp_path / "broken", "train.end")[-1]["exit_code"] == 130
    resumed = train(recipe, dataset_path, tmp_path / "broken", resume=True)
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert run_records(tmp_path / "broken", "train.start")[-1]["resumed_at"] == 4


def test_a_long_step_is_given_up_and_taken_again(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    """In the middle of its micro-batches; what was trained until then is saved, and the end is the same to the bit."""
    recipe = tiny_recipe(micro_batch_tokens=32)
    whole = train(recipe, dataset_path, tmp_path / "whole")
    gradients = Trainer._gradients

    def long(self, batch):
        if self.steps_done == 3:
            self.on_pass = lambda done, total: done < 2 or stopped_for_long()
        return gradients(self, batch)

    def stopped_for_long():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(FOREVER_SECONDS)

    monkeypatch.setattr(trainer, "_GRACE_SECONDS", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_gradients", long)
        with pytest.raises(InterruptedRun, match="SIGINT after step 3; saved"):
            train(recipe, dataset_path, tmp_path / "broken")
    resumed = train(recipe, dataset_path, tmp_path / "broken", resume=True)
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert run_records(tmp_path / "broken", "train.start")[-1]["resumed_at"] == 3


def raising_signal(number=signal.SIGINT):
    return lambda *ignored, **named: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("where", "what", "left"),
    [
        (trains, "banner", "before the first step; nothing was written"),
        (trains, "Trainer", "before the first step; nothing was written"),
        (store, "atomic_write", "before the first step; nothing was written"),
        (store, "write_state", "before the first step was done; {run} holds no trained step: `golfctl train --resume"),
        (trains, "warm_up", "before the first step was done; {run} holds no trained step: `golfctl train --resume"),
        (Trainer, "_gradients", "before the first step was done; {run} holds no trained step: `golfctl train --resume"),
    ],
)
def test_before_the_first_step_nothing_is_left_half_written(
    tmp_path, tiny_recipe, dataset_path, monkeypatch, where, what, left
):
    run, recipe = tmp_path / "run", tiny_recipe()
    monkeypatch.setattr(trainer, "_GRACE_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(where, what, raising_signal())
        with pytest.raises(InterruptedRun) as stopped:
            train(recipe, dataset_path, run)
    assert f"stopped by SIGINT {left.format(run=run)}" in str(stopped.value)
    assert run.exists() == ("nothing was written" not in left)
    assert not list(tmp_path.rglob("*.tmp"))
    whole = train(recipe, dataset_path, run, resume=run.exists())
    assert whole.step == 6
    if "resume" in left:
        assert run_records(run, "train.end")[0]["exit_code"] == 130


def test_a_run_that_is_stopped_again_is_as_it_was(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    run, recipe = tmp_path / "run", tiny_recipe()
    train(recipe, dataset_path, run)
    for path in (*RunFolder(run).checkpoints(), *RunFolder(run).states()):
        if step_of(path) == 6:
            path.rename(path.with_name(path.name.replace("6", "5")))
    before = {path.name: path.read_bytes() for path in run.glob("*.safetensors")}
    monkeypatch.setattr(trains, "newest_state", raising_signal())
    with pytest.raises(InterruptedRun, match="is as it was, at step 5: continue with"):
        train(recipe, dataset_path, run, resume=True)
    assert {path.name: path.read_bytes() for path in run.glob("*.safetensors")} == before


def test_whoever_does_not_wait_for_the_held_out_figure_has_a_whole_run(
    tmp_path, tiny_recipe, dataset_path, monkeypatch
):
    monkeypatch.setattr(trains, "held_out_loss", raising_signal())
    result = train(tiny_recipe(), dataset_path, tmp_path / "run")
    assert result.step == 6 and result.held_out is None
    assert run_records(tmp_path / "run", "train.end")[-1]["exit_code"] == 0


def test_a_run_in_training_is_not_resumed_beside(tmp_path, tiny_recipe, dataset_path):
    train(tiny_recipe(), dataset_path, tmp_path / "run")
    RunFolder(tmp_path / "run").checkpoint(6).unlink()
    with held(tmp_path / "run"), pytest.raises(UsageError, match="being trained by another process"):
        train(tiny_recipe(), dataset_path, tmp_path / "run", resume=True)


class Saying:
    """A reporter that keeps what was said."""

    def __init__(self):
        self.said = []

    def say(self, message):
        self.said.append(message)

    task = staticmethod(SILENT.task)


def test_a_run_says_what_it_is_and_when_it_ends(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    progress, built = Saying(), []
    build = trainer.build_model
    monkeypatch.setattr(trainer, "build_model", lambda *args: (built.extend(progress.said), build(*args))[1])
    train(tiny_recipe(steps=8, seed=5), dataset_path, tmp_path / "run", progress=progress)
    before = "\n".join(built)
    for fact in (str(tmp_path / "run"), "parameters, seed 5", "device: cpu", "8 steps, 128 tokens a step", "expected:"):
        assert fact in before
    after = [line for line in progress.said if "about 8 steps in all, the end in" in line]
    assert len(after) == 1


class Ticking:
    """A clock on which every look takes a hundredth of a second."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        self.seconds += 0.01
        return self.seconds


def test_a_wall_clock_run_is_sealed_within_its_budget(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    ticking = Ticking()
    monkeypatch.setattr(trains, "TrainingClock", lambda spent=0.0: TrainingClock(spent, now=ticking))
    monkeypatch.setattr(store.time, "perf_counter", ticking)
    train(tiny_recipe(seconds=3.0), dataset_path, tmp_path / "run")
    end = run_records(tmp_path / "run", "train.end")[-1]
    assert end["sealed_in_budget"] and end["step"] > 3, end
    assert 2.0 < end["seconds"] <= 3.0
    assert run_records(tmp_path / "run", "train.log")[-1]["lr_scale"] < 0.5


def test_a_budget_that_does_not_hold_is_said(tmp_path, tiny_recipe, dataset_path):
    said = []

    class Listener(type(SILENT)):
        def say(self, message):
            said.append(message)

    train(tiny_recipe(seconds=1e-6), dataset_path, tmp_path / "run", progress=Listener())
    assert any("over the budget of 1e-06 s" in message for message in said)
    assert run_records(tmp_path / "run", "train.end")[-1]["sealed_in_budget"] is False


def test_a_damaged_state_is_passed_over(tmp_path, tiny_recipe, dataset_path):
    recipe = tiny_recipe(checkpoint_seconds=1e-6, keep_checkpoints=3)
    train(recipe, dataset_path, tmp_path / "run")
    whole = latest_checkpoint(tmp_path / "run").read_bytes()
    run = RunFolder(tmp_path / "run")
    assert len(run.states()) == len(run.checkpoints()) == 3
    run.states()[-1].write_bytes(b"torn")
    train(recipe, dataset_path, run.path, resume=True)
    assert run_records(run.path, "train.start")[-1]["resumed_at"] == 5
    assert latest_checkpoint(run.path).read_bytes() == whole


def test_a_loss_that_is_not_finite_ends_the_run_with_a_cause(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    step = Trainer.step

    def exploding(self, clock):
        result = step(self, clock)
        if self.steps_done == 3:
            result.loss.fill_(float("nan"))
        return result

    monkeypatch.setattr(Trainer, "step", exploding)
    with pytest.raises(NumericsError, match="nan at step 3"):
        train(tiny_recipe(), dataset_path, tmp_path / "run")
    assert run_records(tmp_path / "run", "train.end")[-1]["exit_code"] == 3
    assert [p.name for p in RunFolder(tmp_path / "run").states()] == ["state-0000000.safetensors"]


def test_a_full_disk_keeps_the_last_good_state(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    write = store.write_state

    def full(path, state):
        if state.position.step > 2:
            raise StorageError(f"no room left to write {path}")
        write(path, state)

    monkeypatch.setattr(store, "write_state", full)
    with pytest.raises(StorageError, match="no room left"):
        train(tiny_recipe(checkpoint_seconds=1e-6), dataset_path, tmp_path / "run")
    assert RunFolder(tmp_path / "run").states()[-1].name == "state-0000002.safetensors"
    assert run_records(tmp_path / "run", "train.end")[-1]["message"].startswith("no room left")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [(ZeroDivisionError("a bug"), 1, "ZeroDivisionError: a bug"), (KeyboardInterrupt(), 130, "interrupted"),
     (torch.OutOfMemoryError("CUDA"), 3, "too little memory")],
)  # fmt: skip
def test_the_journal_says_how_any_run_ended(tmp_path, tiny_recipe, dataset_path, monkeypatch, error, code, message):
    def failing(self, clock):
        raise error

    monkeypatch.setattr(Trainer, "step", failing)
    with pytest.raises(BaseException):  # noqa: B017 - the journal is the matter
        train(tiny_recipe(), dataset_path, tmp_path / "run")
    end = run_records(tmp_path / "run", "train.end")[-1]
    assert end["exit_code"] == code and message in end["message"]


def test_a_gradient_that_is_not_finite_ends_the_run(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    step = Trainer.step

    def exploding(self, clock):
        result = step(self, clock)
        result.norm.fill_(float("inf"))
        return result

    monkeypatch.setattr(Trainer, "step", exploding)
    with pytest.raises(NumericsError, match="gradient's norm became inf at step 2"):
        train(tiny_recipe(), dataset_path, tmp_path / "run")


def test_a_run_killed_before_its_first_state_starts_again(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    whole = train(tiny_recipe(), dataset_path, tmp_path / "whole").checkpoint

    def killed(*_):
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(store.Store, "save", killed)
        train(tiny_recipe(), dataset_path, tmp_path / "run")
    again = train(tiny_recipe(), dataset_path, tmp_path / "run", resume=True)
    assert again.checkpoint.read_bytes() == whole.read_bytes()


def test_what_a_killed_process_had_under_way_goes(tmp_path, tiny_recipe, dataset_path):
    run = tmp_path / "run"
    run.mkdir()
    torn = [run / f".{name}.x1.tmp" for name in ("recipe.toml", "tokenizer.model", "state-0000003.safetensors")]
    for path in torn:
        path.write_bytes(b"torn")
    train(tiny_recipe(), dataset_path, run)
    assert not any(path.exists() for path in torn)


def test_a_course_given_up_leaves_no_checkpoint_behind(tmp_path, tiny_recipe, dataset_path):
    """On a slower machine a wall-clock run may end before the step of a checkpoint whose state was damaged."""
    setup = prepare(tiny_recipe(), dataset_path, torch.device("cpu"))
    trainer, run = Trainer(setup, Alone()), RunFolder(tmp_path)
    run.path.joinpath(".model.golf.x1.tmp").write_bytes(b"a packing under way")

    def save(kept, step):
        trainer.steps_done = step
        kept.save(trainer, 0.0)
        return [step_of(path) for path in run.states()]

    first = store.Store(run, setup, True, SILENT)
    assert [save(first, step) for step in (0, 1, 2)][-1] == [1, 2]
    again = store.Store(run, setup, True, SILENT)
    again.began_at = 1
    assert save(again, 1) == [1, 2]  # nothing is dropped before a step was taken
    run.state(5).write_bytes(b"")
    run.checkpoint(6).write_bytes(b"")
    assert save(again, 2) == [1, 2] and [step_of(path) for path in run.checkpoints()] == [1, 2]
    trainer.close()
    assert run.path.joinpath(".model.golf.x1.tmp").exists()


def test_swa_without_a_snapshot_is_said(tmp_path, tiny_recipe, dataset_path):
    said = []

    class Listener(type(SILENT)):
        def say(self, message):
            said.append(message)

    recipe = tiny_recipe(average={"kind": "swa", "every": 50})
    train(recipe, dataset_path, tmp_path / "run", progress=Listener())
    assert any("took no snapshot" in message for message in said)


def test_existing_runs_are_not_overwritten(tmp_path, tiny_recipe, dataset_path):
    train(tiny_recipe(), dataset_path, tmp_path / "run")
    with pytest.raises(UsageError, match="not empty"):
        train(tiny_recipe(), dataset_path, tmp_path / "run")
    with pytest.raises(CheckpointError, match="other settings"):
        train(tiny_recipe(seed=2), dataset_path, tmp_path / "run", resume=True)


def test_a_run_does_not_go_on_with_other_data(tmp_path, tiny_recipe, dataset_path):
    """Other text in the same tokens, so that settings and vocabulary agree."""
    train(tiny_recipe(), dataset_path, tmp_path / "run")
    texts = [Document(name, f"a {name} of the model writes and reads small files quickly " * 40) for name in "abc"]
    tokenizer = Dataset.open(dataset_path).tokenizer
    build_dataset(tmp_path / "set", split_explicit(texts[:2], texts[2:]), tokenizer, source="t", split="explicit")
    with pytest.raises(CheckpointError, match="was trained on other data than"):
        train(tiny_recipe(), tmp_path / "set", tmp_path / "run", resume=True)


def test_a_vocabulary_that_is_not_the_tokenizers_is_refused(tmp_path, tiny_recipe, dataset_path):
    recipe = tiny_recipe()
    recipe.tables["model"]["vocab_size"] = 512
    with pytest.raises(ConfigError, match="has 300 pieces"):
        train(recipe, dataset_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_micro_batches_change_nothing_but_rounding(tmp_path, tiny_recipe, dataset_path):
    weights = []
    for micro in (128, 48, 16):
        recipe = tiny_recipe(micro_batch_tokens=micro, dtype="float64")
        path = train(recipe, dataset_path, tmp_path / str(micro)).checkpoint
        weights.append(read_checkpoint(path).tensors)
    for other in weights[1:]:
        for name, tensor in weights[0].items():
            torch.testing.assert_close(other[name], tensor, rtol=1e-5, atol=1e-7)
