import pytest

from golfctl.errors import ConfigError
from golfctl.optim.schedule import RunPoint, ScheduleConfig, learning_rate_scale, ramp, taper, warmdown_scale


def at_step(step, total=100):
    return RunPoint(step, 0.0, total, None)


def at_second(seconds, step=100, total=600.0):
    return RunPoint(step, seconds, None, total)


def test_fraction_of_steps():
    config = ScheduleConfig(warmdown_fraction=0.5)
    scales = [learning_rate_scale(config, at_step(s)) for s in (0, 50, 75, 100)]
    assert scales == [1.0, 1.0, 0.5, 0.0]


def test_min_scale_is_a_floor():
    config = ScheduleConfig(warmdown_fraction=0.5, min_scale=0.1)
    assert learning_rate_scale(config, at_step(99)) == 0.1


def test_warmdown_steps_on_the_wall_clock_follow_the_mean_step_time():
    """PR #549: 3500 steps of 0.08 s are 280 s before the end."""
    config = ScheduleConfig(warmdown_steps=3500)
    assert learning_rate_scale(config, at_second(300.0, step=3750)) == 1.0
    assert learning_rate_scale(config, at_second(460.0, step=5750)) == pytest.approx(140 / 280)
    assert learning_rate_scale(config, at_second(601.0, step=7500)) == 0.0


def test_cosine_and_warmup():
    config = ScheduleConfig(warmup_steps=10, warmdown_fraction=1.0, shape="cosine")
    assert learning_rate_scale(config, at_step(0)) == pytest.approx(0.1)
    assert learning_rate_scale(config, at_step(50)) == pytest.approx(0.5)


def test_the_warmdowns_scale_knows_no_ramp():
    config = ScheduleConfig(warmup_steps=10, warmdown_fraction=0.5)
    assert learning_rate_scale(config, at_step(0)) == pytest.approx(0.1)
    assert [warmdown_scale(config, at_step(s)) for s in (0, 50, 75)] == [1.0, 1.0, 0.5]


@pytest.mark.parametrize("values", [{"min_scale": 0.2}, {"warmdown_fraction": 0.0}, {"warmdown_steps": 0}])
def test_scales_that_a_schedule_never_reaches(values):
    assert ScheduleConfig(min_scale=0.1).reaches(0.2)
    assert not ScheduleConfig(**values).reaches(0.2)


def test_two_warmdowns_contradict():
    with pytest.raises(ConfigError, match="not both"):
        ScheduleConfig.from_dict({"warmdown_fraction": 0.5, "warmdown_steps": 10})


def test_ramp_and_taper():
    assert [ramp(0.92, 0.99, 100, s) for s in (0, 100, 200)] == [0.92, 0.99, 0.99]
    assert ramp(0.92, 0.99, 0, 0) == 0.99
    assert [taper(0.7, 0.5, f) for f in (0.0, 0.7, 1.0)] == [1.0, 1.0, 0.5]
    assert taper(0.7, 0.5, 0.85) == pytest.approx(0.75)
