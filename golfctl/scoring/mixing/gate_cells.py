"""In which situation a row is made: how unsure the leading scorer is, and how long a context the counts have seen.

Each situation is a cell with learned weights of its own. R rows.
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

ENTROPY_EDGES = (0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)  # nats
ENTROPY_CELLS = len(ENTROPY_EDGES) + 1


@runtime_checkable
class Gated(Protocol):
    """A scorer that says, per row of its last prediction, in which of `gates` situations it was."""

    gates: int
    gate_R: np.ndarray


def entropy_cells(entropy_R: Tensor) -> Tensor:
    """The bucket of each entropy in nats, [R]."""
    return torch.bucketize(entropy_R, torch.tensor(ENTROPY_EDGES, device=entropy_R.device))


def first_gated(scorers: list[Any]) -> Gated | None:
    """The scorer whose situations count: the first that has any."""
    return next((scorer for scorer in scorers if isinstance(scorer, Gated)), None)
