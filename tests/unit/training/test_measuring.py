import pytest
import torch

from golfctl.core.progress import SILENT
from golfctl.model.census import census
from golfctl.optim.collectives import Alone
from golfctl.training import measuring
from golfctl.training.forecast import forecast
from golfctl.training.measuring import StepTime, measure_step
from golfctl.training.run.interrupt import StopRequest
from golfctl.training.setup import prepare
from tests.patience import HANG_SECONDS

CPU = torch.device("cpu")
LOOPS = {"recurrence": {"first": 1, "last": 1, "extra": 3}}


class Times:
    """A trainer whose phases take as long as the test says."""

    def __init__(self, monkeypatch, gradient, optimizer):
        self.setups = []
        times = {"data": 0.0, "gradient": gradient, "optimizer": optimizer}

        def timed(trainer):
            self.setups.append(trainer.setup)
            return times, 1

        monkeypatch.setattr(measuring, "_timed", timed)


def measure(setup):
    return measure_step(setup, Alone(), StopRequest(), SILENT)


def test_short_steps_are_measured_whole(tiny_recipe, dataset_path):
    found = measure(prepare(tiny_recipe(), dataset_path, CPU))
    assert 0 < found.seconds < HANG_SECONDS
    assert "real step" in found.basis and "of 128 tokens" not in found.basis and found.basis.endswith("on cpu, eager")


def test_long_steps_are_counted_up_from_a_part(tiny_recipe, dataset_path, monkeypatch):
    """The optimizer's part is the same for any number of tokens."""
    setup = prepare(tiny_recipe(batch_tokens=2048, compile=True), dataset_path, CPU)
    times = Times(monkeypatch, gradient=3.0, optimizer=0.5)
    monkeypatch.setattr(measuring, "least_step_seconds", lambda setup, ranks: 8.0)
    found = measure(setup)
    assert [(s.train.batch_tokens, s.train.sequence_length) for s in times.setups] == [(256, 16)]
    assert found.seconds == pytest.approx(3.0 * 2048 / 256 + 0.5)
    assert found.basis == (
        "1 real step with 256 of 2,048 tokens, counted up by FLOPs on cpu, eager (the run would be compiled)"
    )


def test_a_single_sequence_is_cut_where_it_is_long(tiny_recipe, dataset_path, monkeypatch):
    setup = prepare(tiny_recipe(batch_tokens=1024, sequence_length=512), dataset_path, CPU)
    times = Times(monkeypatch, gradient=3.0, optimizer=0.5)
    monkeypatch.setattr(measuring, "least_step_seconds", lambda setup, ranks: 1e9)
    found = measure(setup)
    assert [(s.train.batch_tokens, s.train.sequence_length) for s in times.setups] == [(64, 64)]
    per_token = [census(setup.spec).flops_per_token(length) for length in (64, 512)]
    assert found.seconds == pytest.approx(3.0 * 1024 * per_token[1] / (64 * per_token[0]) + 0.5)
    assert "sequences cut to 64" in found.basis


@pytest.mark.parametrize("budget", ["steps", "seconds"])
def test_the_mean_over_a_run_whose_layers_loop_later(tiny_recipe, dataset_path, budget):
    """Against a run that is lived through, step by step."""
    recipe = tiny_recipe(**{budget: 500}, recurrence_start=0.4)
    recipe.tables["model"] |= LOOPS
    setup = prepare(recipe, dataset_path, CPU)
    counted, length = census(setup.spec), setup.train.sequence_length
    cheap = counted.flops_per_token(length, loops=0) / counted.flops_per_token(length)
    steps, seconds = 0, 0.0
    while (steps if budget == "steps" else seconds) < 500:
        late = (steps if budget == "steps" else seconds) / 500 >= 0.4
        steps, seconds = steps + 1, seconds + (1.0 if late else cheap)
    assert measuring._mean_over_run(setup) == pytest.approx(seconds / steps, rel=1e-2)


@pytest.mark.parametrize(
    ("values", "step_seconds", "steps", "seconds"),
    [({"steps": 6}, 2.0, 6, 12.0), ({"seconds": 60.0}, 2.5, 24, 60.0), ({"seconds": 60.0}, 90.0, 0, 90.0)],
)
def test_time_and_cost_of_a_run(tiny_recipe, dataset_path, monkeypatch, values, step_seconds, steps, seconds):
    monkeypatch.setattr("golfctl.training.forecast.measure_step", lambda *ignored: StepTime(step_seconds, "here"))
    found = forecast(tiny_recipe(**values), dataset_path, "cpu", price_per_hour=3.0)
    assert (found.seconds_per_step, found.steps_in_budget, found.expected_seconds) == (step_seconds, steps, seconds)
    assert found.cost == pytest.approx(3.0 * seconds / 3600) and found.measured == "here"
    assert any("cost" in name for name, _ in found.rows())
    assert forecast(tiny_recipe(**values), dataset_path, "cpu").cost is None
