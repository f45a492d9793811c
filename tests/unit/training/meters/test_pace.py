"""Reserves grow when other work slows the machine down, and shrink again when it is gone."""

import pytest

from golfctl.training.meters.pace import Pace


def paced(*stretches):
    pace = Pace()
    for seconds, steps in stretches:
        pace.saw(seconds, steps)
    return pace


def test_a_steady_machine_is_not_slow():
    assert Pace().slowdown == 1.0
    assert paced((0.5, 1), (4.0, 8), (1.5, 3)).slowdown == pytest.approx(1.0)


def test_it_follows_within_some_steps_both_ways():
    pace = paced(*[(0.3, 1)] * 10, (0.6, 1))
    assert 1.1 < pace.slowdown < 1.2  # one slow step is no reason yet
    for _ in range(30):
        pace.saw(0.6, 1)
    assert pace.slowdown == pytest.approx(2.0, rel=0.05)
    for _ in range(30):
        pace.saw(0.3, 1)
    assert pace.slowdown == pytest.approx(1.0, rel=0.05)


def test_a_machine_slow_from_the_start_has_not_become_slower():
    assert paced(*[(1.0, 1), (3.0, 1)] * 4, (2.0, 1)).slowdown == pytest.approx(1.0)
    assert paced(*[(2.0, 1)] * 8, *[(0.5, 1)] * 20).slowdown == 1.0


def test_no_time_at_all_is_no_slowdown():
    assert paced((0.0, 0), (0.0, 1)).slowdown == 1.0
