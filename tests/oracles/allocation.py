"""Plain oracle of the byte allocation: every combination of points."""

from itertools import product


def best_loss(curves, room_bytes):
    """Least total loss over all choices of one point per tensor within `room_bytes`; None when nothing fits."""
    totals = [
        (sum(point.bytes for point in choice), sum(point.loss for point in choice)) for choice in product(*curves)
    ]
    return min((loss for size, loss in totals if size <= room_bytes), default=None)
