"""A byte budget spread over tensors: bytes go where the next one saves the most loss.

Every tensor offers points (a setting, its bytes, its loss). On the lower convex hull of a tensor's points, loss saved
per byte falls with size; spending along all hulls at once, steepest first, gives every tensor the same slope when the
money runs out (Everett 1963: no other choice of as many bytes loses less). What is then left over buys single points,
or two at once, where one tensor gives up what another can make more of.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

_MOST_EXCHANGES = 500
_REACH = 6  # how many settings away a single change may lead
_NEGLIGIBLE = 1e-9  # of the loss: what is not worth another change


class Point(NamedTuple):
    """One setting of one tensor: its bytes, and its loss in nats per token."""

    setting: float
    bytes: float
    loss: float


def frontier(points: Iterable[Point]) -> list[Point]:
    """The lower convex hull, by rising bytes and falling loss, from the smallest point to the one of least loss."""
    hull: list[Point] = []
    for point in sorted(points, key=lambda p: (p.bytes, p.loss)):
        if hull and point.loss >= hull[-1].loss:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def allocate(curves: Mapping[str, Sequence[Point]], room_bytes: float) -> dict[str, Point] | None:
    """One point per tensor with at most `room_bytes` together; None where the smallest points already take more."""
    fronts = {name: frontier(points) for name, points in curves.items()}
    chosen = {name: front[0] for name, front in fronts.items()}
    left = room_bytes - sum(point.bytes for point in chosen.values())
    if left < 0:
        return None
    for name, point in _steepest_first(fronts):
        cost = point.bytes - chosen[name].bytes
        if cost > left:
            break
        chosen[name], left = point, left - cost
    for _ in range(_MOST_EXCHANGES):
        moves = _exchange(curves, chosen, left)
        if not moves:
            break
        for name, point in moves:
            left -= point.bytes - chosen[name].bytes
            chosen[name] = point
    return chosen


def _slope(small: Point, large: Point) -> float:
    """Loss saved per byte."""
    return (small.loss - large.loss) / (large.bytes - small.bytes)


def _steepest_first(fronts: Mapping[str, Sequence[Point]]) -> list[tuple[str, Point]]:
    steps = [
        (_slope(before, after), name, after) for name, front in fronts.items() for before, after in pairwise(front)
    ]
    return [(name, point) for _, name, point in sorted(steps, key=lambda step: (-step[0], step[1]))]


def _exchange(
    curves: Mapping[str, Sequence[Point]], chosen: Mapping[str, Point], left: float
) -> list[tuple[str, Point]]:
    """The one or two changes of different tensors that together fit and save the most loss; empty when none does."""
    moves = [(name, point) for name, points in curves.items() for point in _near(points, chosen[name])]
    number = {name: i for i, name in enumerate(curves)}
    owner_M = np.array([-1, *(number[name] for name, _ in moves)])
    bytes_M = np.array([0.0, *(point.bytes - chosen[name].bytes for name, point in moves)])
    loss_M = np.array([0.0, *(point.loss - chosen[name].loss for name, point in moves)])
    allowed_MM = (bytes_M[:, None] + bytes_M <= left) & (owner_M[:, None] != owner_M)
    saved_MM = np.where(allowed_MM, -(loss_M[:, None] + loss_M), 0.0)
    best = int(saved_MM.argmax())
    if saved_MM.flat[best] <= _NEGLIGIBLE * sum(point.loss for point in chosen.values()):
        return []
    return [moves[i - 1] for i in divmod(best, len(loss_M)) if i > 0]


def _near(points: Sequence[Point], current: Point) -> list[Point]:
    """The neighbours of a tensor's point in size."""
    ordered = sorted(points)
    at = ordered.index(current)
    return [point for point in ordered[max(at - _REACH, 0) : at + _REACH + 1] if point != current]
