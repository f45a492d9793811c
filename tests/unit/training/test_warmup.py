import importlib.util
import shutil
import signal

import pytest
import torch

from golfctl.core.progress import SILENT
from golfctl.errors import DependencyError, InterruptedRun
from golfctl.optim.collectives import Alone
from golfctl.optim.schedule import RunPoint
from golfctl.training import warmup
from golfctl.training.run.interrupt import StopRequest
from golfctl.training.run.run_folders import run_records
from golfctl.training.setup import prepare
from golfctl.training.train import train
from golfctl.training.trainer import Trainer

CPU = torch.device("cpu")


def make(tiny_recipe, dataset_path, **values):
    recipe = tiny_recipe(schedule={"warmdown_fraction": 1.0}, **values)
    recipe.tables["model"] = {**recipe.tables["model"], "recurrence": {"first": 1, "last": 1, "extra": 1}}
    return Trainer(prepare(recipe, dataset_path, CPU), Alone())


def test_every_phase_that_a_run_can_come_to_is_met(tiny_recipe, dataset_path, monkeypatch):
    """Whichever comes first: with a wall clock and a warmdown in steps, rounding may begin before the loops do."""
    late = {"recurrence_start": 0.4, "qat": {"rounding": "hard", "below_scale": 0.3}}
    trainer = make(tiny_recipe, dataset_path, compile=True, **late)
    met = []
    monkeypatch.setattr(warmup, "compile_model", lambda trainer: None)
    monkeypatch.setattr(trainer, "step", lambda clock, phase: met.append(phase))
    warmup.warm_up(trainer, StopRequest(), SILENT)
    trainer.close()
    assert met == [(0, False), (0, True), (1, False), (1, True)]
    assert all(trainer.mode(RunPoint(step, 0.0, 1000, None)) in met for step in range(1000))


def test_a_warm_up_stops_between_graphs(tiny_recipe, dataset_path, monkeypatch):
    trainer = make(tiny_recipe, dataset_path, recurrence_start=0.4, compile=True)
    stop = StopRequest()
    stop.handle(signal.SIGTERM, None)
    monkeypatch.setattr(warmup, "compile_model", lambda trainer: None)
    with pytest.raises(InterruptedRun, match="SIGTERM before the first step"):
        warmup.warm_up(trainer, stop, SILENT)
    assert trainer.steps_done == 1
    trainer.close()


def test_warming_up_leaves_no_trace(tiny_recipe, dataset_path, monkeypatch):
    trainers = [make(tiny_recipe, dataset_path, recurrence_start=0.5, compile=warm) for warm in (False, True)]
    monkeypatch.setattr(warmup, "compile_model", lambda trainer: None)
    monkeypatch.setattr(torch._dynamo.config, "error_on_recompile", False)
    warmup.warm_up(trainers[1], StopRequest(), SILENT)
    for step in range(6):
        for trainer in trainers:
            trainer.step(RunPoint(step, 0.0, 6, None))
    for trainer in trainers:
        trainer.close()
    assert all(torch.equal(p, trainers[1].parameters[name]) for name, p in trainers[0].parameters.items())


def test_compiling_without_a_compiler_names_one(tiny_recipe, dataset_path, monkeypatch):
    trainer = make(tiny_recipe, dataset_path, compile=True)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DependencyError, match=r"g\+\+"):
        warmup.warm_up(trainer, StopRequest(), SILENT)
    trainer.close()


def test_a_compiler_that_an_interrupt_killed_is_no_bug(tiny_recipe, dataset_path, monkeypatch):
    trainer, stop = make(tiny_recipe, dataset_path, compile=True), StopRequest()

    def killed(clock, phase):
        stop.handle(signal.SIGINT, None)
        raise RuntimeError("C++ compile error")

    monkeypatch.setattr(warmup, "compile_model", lambda trainer: None)
    monkeypatch.setattr(trainer, "step", killed)
    with pytest.raises(InterruptedRun, match="SIGINT before the first step"):
        warmup.warm_up(trainer, stop, SILENT)
    trainer.close()


def test_what_compiling_for_a_gpu_needs(monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="triton"):
        warmup.check_compiler(torch.device("cuda"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DependencyError, match="install gcc"):
        warmup.check_compiler(torch.device("cuda"))


@pytest.mark.slow
@pytest.mark.parametrize("rounding", ["hard", "soft"])
def test_no_phase_of_a_run_needs_another_graph(tmp_path, tiny_recipe, dataset_path, monkeypatch, rounding):
    """Loops and rounding begin late, and their compiled forms are those of the warm-up."""
    graphs = []

    def noted(graph, inputs):
        graphs.append(graph)
        return graph.forward

    def compile_plainly(trainer):
        torch._dynamo.reset()
        trainer.loss_function = torch.compile(trainer.model.loss, fullgraph=True, dynamic=False, backend=noted)

    monkeypatch.setattr(warmup, "compile_model", compile_plainly)
    late = {"recurrence_start": 0.3, "qat": {"rounding": rounding, "below_scale": 0.4}}
    late |= {"checkpoint_seconds": 1e-6}  # saving swaps the averages in and out
    recipe = tiny_recipe(steps=12, compile=True, schedule={"warmdown_fraction": 1.0}, log_every=1, **late)
    recipe.tables["model"] |= {"recurrence": {"first": 1, "last": 1, "extra": 1}}
    result = train(recipe, dataset_path, tmp_path / "run")
    assert result.step == 12 and len(graphs) == 4


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
