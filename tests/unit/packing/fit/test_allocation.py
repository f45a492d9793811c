"""Bytes by marginal loss: optimal at its own size, never over the room, never worse than one setting for all."""

import random
from itertools import pairwise

import pytest

from golfctl.packing.fit.allocation import Point, allocate, frontier
from tests.oracles.allocation import best_loss


def drawn_curves(seed, tensors=4, settings=5):
    """Noisy exponential curves of tensors of different sizes and importance; settings 0, 1, … are ever coarser."""
    rng = random.Random(seed)
    curves = {}
    for t in range(tensors):
        size, weight = rng.uniform(50, 500), rng.uniform(0.1, 10)
        curves[f"t{t}"] = [
            Point(s, size * (8 - s) * rng.uniform(0.9, 1.1), size * weight * 4.0**s * rng.uniform(0.8, 1.2))
            for s in range(settings)
        ]
    return curves


def totals(chosen):
    return sum(p.bytes for p in chosen.values()), sum(p.loss for p in chosen.values())


@pytest.mark.parametrize("seed", range(30))
def test_nothing_of_the_same_size_loses_less_than_the_slope_alone(seed):
    """What the hulls buy before the first step that no longer fits is optimal at exactly its own size."""
    curves = {name: frontier(points) for name, points in drawn_curves(seed).items()}
    steps = sorted(
        ((a.loss - b.loss) / (b.bytes - a.bytes), name, b) for name, front in curves.items() for a, b in pairwise(front)
    )
    chosen = {name: front[0] for name, front in curves.items()}
    for _, name, point in reversed(steps[len(steps) // 2 :]):
        chosen[name] = point
    room, loss = totals(chosen)
    found = allocate(drawn_curves(seed), room + 1e-6)
    assert totals(found)[1] == pytest.approx(loss)
    assert best_loss(drawn_curves(seed).values(), room + 1e-6) == pytest.approx(loss)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_close_to_the_best_of_all_combinations_in_any_room(seed, share):
    curves = drawn_curves(seed)
    smallest, largest = (sum(end(p.bytes for p in points) for points in curves.values()) for end in (min, max))
    room = smallest + share * (largest - smallest) + 1e-6
    chosen = allocate(curves, room)
    size, loss = totals(chosen)
    best = best_loss(curves.values(), room)
    assert size <= room
    assert best <= loss + 1e-9
    # greedy spending can miss one step, the one that no longer fitted; exchanges win most of it back
    hulls = [frontier(points) for points in curves.values()]
    step = max(a.loss - b.loss for hull in hulls for a, b in pairwise(hull))
    assert loss <= best + 0.2 * step


@pytest.mark.parametrize("seed", range(30))
def test_never_worse_than_the_best_common_setting_that_fits(seed):
    curves = drawn_curves(seed, tensors=12)
    for setting in range(5):
        uniform = {name: points[setting] for name, points in curves.items()}
        size, loss = totals(uniform)
        assert totals(allocate(curves, size + 1e-6))[1] <= loss * 1.05


def test_the_frontier_drops_what_is_dominated():
    points = [Point(0, 10, 5.0), Point(1, 20, 4.9), Point(2, 30, 1.0), Point(3, 40, 2.0), Point(4, 50, 0.5)]
    assert [p.setting for p in frontier(points)] == [0, 2, 4]


def test_what_is_left_over_buys_a_point_off_the_hull():
    curves = {"a": [Point(0, 10, 5.0), Point(1, 20, 4.9), Point(2, 40, 1.0)]}
    assert allocate(curves, 25)["a"].setting == 1


def test_no_room_for_the_smallest_points():
    assert allocate({"a": [Point(0, 10, 1.0)], "b": [Point(0, 5, 1.0)]}, 14) is None


def test_ties_go_the_same_way_whatever_the_order_of_the_points():
    curves = {name: [Point(0, 10, 2.0), Point(1, 20, 1.0)] for name in "abc"}
    shuffled = {name: points[::-1] for name, points in curves.items()}
    assert allocate(curves, 41) == allocate(shuffled, 41)
