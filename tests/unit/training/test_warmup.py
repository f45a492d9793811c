import shutil

import pytest
import torch

from golfctl.core.progress import SILENT
from golfctl.errors import DependencyError
from golfctl.optim.collectives import Alone
from golfctl.optim.schedule import Clock
from golfctl.training import warmup
from golfctl.training.runs import run_records
from golfctl.training.setup import prepare
from golfctl.training.train import train
from golfctl.training.trainer import Trainer

CPU = torch.device("cpu")


def make(tiny_recipe, dataset_path, **values):
    recipe = tiny_recipe(schedule={"warmdown_fraction": 1.0}, **values)
    recipe.tables["model"] = {**recipe.tables["model"], "recurrence": {"first": 1, "last": 1, "extra": 1}}
    return Trainer(prepare(recipe, dataset_path, CPU), Alone())


def test_every_phase_of_the_run_is_met_once(tiny_recipe, dataset_path):
    trainer = make(tiny_recipe, dataset_path, recurrence_start=0.4, qat={"rounding": "hard", "below_scale": 0.3})
    assert [trainer.phase(clock) for clock in warmup._phases(trainer)] == [(0, False), (1, False), (1, True)]
    trainer.close()


def test_warming_up_leaves_no_trace(tiny_recipe, dataset_path, monkeypatch):
    trainers = [make(tiny_recipe, dataset_path, recurrence_start=0.5, compile=warm) for warm in (False, True)]
    monkeypatch.setattr(warmup, "compile_model", lambda trainer: None)
    monkeypatch.setattr(torch._dynamo.config, "error_on_recompile", False)
    warmup.warm_up(trainers[1], SILENT)
    for step in range(6):
        for trainer in trainers:
            trainer.step(Clock(step, 0.0, 6, None))
    for trainer in trainers:
        trainer.close()
    assert all(torch.equal(p, trainers[1].parameters[name]) for name, p in trainers[0].parameters.items())


def test_compiling_without_a_compiler_names_one(tiny_recipe, dataset_path, monkeypatch):
    trainer = make(tiny_recipe, dataset_path, compile=True)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DependencyError, match=r"g\+\+"):
        warmup.warm_up(trainer, SILENT)
    trainer.close()


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="no C++ compiler on this machine")
def test_a_compiled_run_trains_as_an_eager_one(tmp_path, tiny_recipe, dataset_path):
    """The default compiler, end to end: one graph, made in the warm-up; another one would end the run."""
    losses = []
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()  # they count for the whole process
    for compiled in (False, True):
        recipe = tiny_recipe(compile=compiled, log_every=1, average={"kind": "none"})
        recipe.tables["model"] |= {"layers": 1}
        result = train(recipe, dataset_path, tmp_path / str(compiled))
        losses.append([body["loss"] for body in run_records(tmp_path / str(compiled), "train.log")])
    assert result.step == 6 and result.warmup_seconds > 0
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert not torch._dynamo.config.error_on_recompile
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
