"""The few collectives golfctl uses, over any torch.distributed back end or none, with an optional trace.

torch 2.13 renames the tensor collectives; the choice is made here once. All sums, no averages: callers weight their
gradients by the share of the batch they hold, so that any world size computes the same sum.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch.distributed as dist
from torch import Tensor


class Traced(NamedTuple):
    """One collective as it was started: its name and the bytes this rank put in."""

    operation: str
    bytes_in: int


class Work(Protocol):
    """A collective under way."""

    def wait(self) -> object:
        """Block until the result is usable."""


class Group(Protocol):
    """What the sharded step needs of a process group."""

    rank: int
    world: int

    def reduce_scatter(self, out: Tensor, full: Tensor) -> Work:
        """Start summing `full` over ranks; `out` receives this rank's equal part of the first dimension."""

    def all_gather(self, full: Tensor, part: Tensor) -> Work:
        """Start joining every rank's `part` along the first dimension into `full`."""

    def all_reduce(self, tensor: Tensor) -> Work:
        """Start summing `tensor` over ranks, in place."""


class _Done:
    def wait(self) -> None:
        """Nothing to wait for."""


class Alone:
    """A world of one: every collective is the identity."""

    rank, world = 0, 1

    def reduce_scatter(self, out: Tensor, full: Tensor) -> Work:
        """`out` becomes `full`."""
        out.copy_(full)
        return _Done()

    def all_gather(self, full: Tensor, part: Tensor) -> Work:
        """`full` becomes `part`."""
        full.copy_(part)
        return _Done()

    def all_reduce(self, tensor: Tensor) -> Work:
        """`tensor` stays as it is."""
        return _Done()


class RankGroup:
    """The default process group of torch.distributed (gloo on CPU, NCCL on CUDA)."""

    def __init__(self, trace: list[Traced] | None = None) -> None:
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        self._trace = trace
        self._reduce_scatter = _named("reduce_scatter_single", "reduce_scatter_tensor")
        self._all_gather = _named("all_gather_single", "all_gather_into_tensor")

    def reduce_scatter(self, out: Tensor, full: Tensor) -> Work:
        """Start summing `full` over ranks; `out` receives this rank's equal part of the first dimension."""
        self._note("reduce_scatter", full)
        return self._reduce_scatter(out, full, op=dist.ReduceOp.SUM, async_op=True)

    def all_gather(self, full: Tensor, part: Tensor) -> Work:
        """Start joining every rank's `part` along the first dimension into `full`."""
        self._note("all_gather", part)
        return self._all_gather(full, part, async_op=True)

    def all_reduce(self, tensor: Tensor) -> Work:
        """Start summing `tensor` over ranks, in place."""
        self._note("all_reduce", tensor)
        return dist.all_reduce(tensor, op=dist.ReduceOp.SUM, async_op=True)

    def _note(self, operation: str, tensor: Tensor) -> None:
        if self._trace is not None:
            self._trace.append(Traced(operation, tensor.numel() * tensor.element_size()))


def _named(*names: str) -> Callable[..., Work]:
    found: Callable[..., Work] = next(getattr(dist, name) for name in names if hasattr(dist, name))
    return found


def current_group(trace: list[Traced] | None = None) -> Group:
    """`RankGroup` when torch.distributed is initialised, else `Alone`."""
    initialised = dist.is_available() and dist.is_initialized()
    return RankGroup(trace) if initialised else Alone()
