"""Reserves grow when other work slows the machine down, and shrink again when it is gone."""

import pytest

from golfctl.training.pace import Pace


def test_a_steady_machine_is_not_slow():
    pace = Pace()
    assert pace.slowdown == 1.0
    for steps in (1, 8, 3):
        pace.saw(0.5 * steps, steps)
    assert pace.slowdown == pytest.approx(1.0)


def test_it_follows_within_some_steps_both_ways():
    pace = Pace()
    for _ in range(10):
        pace.saw(0.3, 1)
    pace.saw(0.6, 1)
    assert 1.1 < pace.slowdown < 1.2  # one slow step is no reason yet
    for _ in range(30):
        pace.saw(0.6, 1)
    assert pace.slowdown == pytest.approx(2.0, rel=0.05)
    for _ in range(30):
        pace.saw(0.3, 1)
    assert pace.slowdown == pytest.approx(1.0, rel=0.05)


def test_what_was_slow_from_the_start_is_seen_once_it_is_fast():
    pace = Pace()
    pace.saw(1.0, 1)
    pace.saw(4.0, 8)
    pace.saw(8.0, 8)
    assert pace.slowdown == pytest.approx(2.0)


def test_no_time_at_all_is_no_slowdown():
    pace = Pace()
    pace.saw(0.0, 0)
    assert pace.slowdown == 1.0
