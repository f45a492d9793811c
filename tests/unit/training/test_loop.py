"""Control of a device that runs ahead of the host: looked at every few steps, here on a CPU."""

import pytest

from golfctl.training import loop as loops
from golfctl.training import train as trains
from golfctl.training.meters.training_clock import TrainingClock
from golfctl.training.run.run_folders import run_records
from golfctl.training.train import train
from golfctl.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def looked_at(monkeypatch):
    """Steps whose loss the host asked for, when it does so every 8 steps."""
    steps, step = [], Trainer.step
    monkeypatch.setitem(loops.LOOK_EVERY, "cpu", 8)

    class Loss:
        def __init__(self, trainer, loss):
            self.done, self.loss = trainer.steps_done, loss

        def __float__(self):
            steps.append(self.done)
            return float(self.loss)

    def noted(self, point):
        result = step(self, point)
        result.loss = Loss(self, result.loss)
        return result

    monkeypatch.setattr(Trainer, "step", noted)
    return steps


def test_the_host_waits_every_few_steps_for_the_log_and_at_the_end(tmp_path, tiny_recipe, dataset_path, looked_at):
    recipe = tiny_recipe(steps=21, log_every=10, average={"kind": "none"})
    result = train(recipe, dataset_path, tmp_path / "run")
    assert looked_at == [8, 10, 16, 20, 21]
    assert [body["step"] for body in run_records(tmp_path / "run", "train.log")] == [10, 20, 21]
    every = train(tiny_recipe(steps=21, log_every=1, average={"kind": "none"}), dataset_path, tmp_path / "every")
    assert result.loss == every.loss == run_records(tmp_path / "every", "train.log")[-1]["loss"]


def test_a_wall_clock_budget_holds_although_the_host_looks_seldom(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    """Steps cost nothing to queue; the device needs 0.1 s for each, which shows when the host asks for the loss."""
    monkeypatch.setitem(loops.LOOK_EVERY, "cpu", 8)
    seconds, queued, step = [0.0], [0], Trainer.step

    class Loss:
        def __float__(self):
            seconds[0] += 0.1 * queued[0]
            queued[0] = 0
            return 1.0

    def queueing(self, point):
        result = step(self, point)
        queued[0] += 1
        result.loss = Loss()
        return result

    monkeypatch.setattr(Trainer, "step", queueing)
    monkeypatch.setattr(trains, "TrainingClock", lambda spent=0.0: TrainingClock(spent, now=lambda: seconds[0]))
    train(tiny_recipe(seconds=10.0, log_every=1000), dataset_path, tmp_path / "run")
    end = run_records(tmp_path / "run", "train.end")[-1]
    assert end["sealed_in_budget"] and end["seconds"] > 8.0
    times = [body["seconds"] for body in run_records(tmp_path / "run", "train.log")]
    assert times[-1] == pytest.approx(0.1 * end["step"])
