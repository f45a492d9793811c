import time

import pytest
import torch

from golfctl.training import banner as banners
from golfctl.training.banner import banner, expectation, span, still_to_go
from golfctl.training.setup import prepare

CPU = torch.device("cpu")


@pytest.fixture
def setup(tiny_recipe, dataset_path):
    """A function: the setup of the tiny recipe with `train.*` values replaced."""
    return lambda **values: prepare(tiny_recipe(**values), dataset_path, CPU)


def test_a_run_says_what_it_is(setup, tmp_path):
    made = setup(seed=77)
    said = "\n".join(banner(made, tmp_path / "run", 2))
    for fact in (
        str(tmp_path / "run"), made.dataset.digest, f"{made.dataset.train_tokens():,} training tokens", "seed 77",
        "cpu", "float32", "eager", "2 ranks", "6 steps", "128 tokens a step",
    ):  # fmt: skip
        assert fact in said
    parameters = sum(p.numel() for p in banners_model(made).parameters())
    assert f"{parameters:,} parameters" in said
    assert "2.5 s of training clock" in "\n".join(banner(setup(seconds=2.5), tmp_path, 1))


def banners_model(made):
    from golfctl.model.weights.new_model import empty_model

    return empty_model(made.spec)


@pytest.mark.parametrize(
    ("least", "values", "first", "warned"),
    [
        (0.25, {}, "about 250 ms a step or more on this machine, 1.5 s in all", False),
        (100.0, {}, "about 1 min 40 s a step or more on this machine, 10 min 0 s in all", True),
        (1.0, {"seconds": 60.0}, "at most 60 steps in the budget", False),
        (10.0, {"seconds": 60.0}, "at most 6 steps in the budget", True),
        (61.0, {"seconds": 60.0}, "longer than the whole budget", True),
    ],
)
def test_what_a_cpu_is_asked_for(setup, monkeypatch, least, values, first, warned):
    monkeypatch.setattr(banners, "least_step_seconds", lambda setup, ranks: least)
    lines = expectation(setup(**values), 1)
    assert lines[0].endswith(first)
    assert [("too large for this CPU" in line and "-mini" in line and "--dry-run" in line) for line in lines[1:]] == (
        [True] if warned else []
    )


def test_the_least_time_follows_the_work_and_the_ranks(setup, monkeypatch):
    monkeypatch.setattr(banners, "quick_product_flops", lambda *ignored: 1e9)
    one = banners.least_step_seconds(setup(), 1)
    assert banners.least_step_seconds(setup(batch_tokens=256), 1) == pytest.approx(2 * one)
    assert banners.least_step_seconds(setup(), 4) == pytest.approx(one / 4)


def test_what_is_still_to_go(setup, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    in_half_a_minute = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1_000_030.0))
    by_steps = still_to_go(setup(steps=70).train, done=10, step_seconds=0.5, spent=99.0)
    assert by_steps == f"500 ms a step: about 70 steps in all, the end in 30 s, at {in_half_a_minute}"
    by_clock = still_to_go(setup(seconds=40.0).train, done=20, step_seconds=0.5, spent=10.0)
    assert by_clock == f"500 ms a step: about 80 steps in all, the end in 30 s, at {in_half_a_minute}"
    assert "about 20 steps in all, the end in 0 ms" in still_to_go(setup(seconds=4.0).train, 20, 0.5, 10.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0123, "12.3 ms"), (0.5, "500 ms"), (7.25, "7.25 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (99, "1 min 39 s"),
     (3599, "59 min 59 s"), (3600, "1 h 0 min"), (5430, "1 h 30 min"), (172800, "2 days")],
)  # fmt: skip
def test_lengths_of_time(seconds, words):
    assert span(seconds) == words
