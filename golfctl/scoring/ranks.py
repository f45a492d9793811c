"""Sharing one evaluation over processes: every rank sees every row, each computes its part of the forwards.

Everything that learns (counts, mixers, adapted weights) is replicated and fed the same rows in the same order, so
the score does not depend on the number of ranks. R rows, V vocabulary.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from golfctl.core.machine.variables import launched, meeting, number_in, speaks_of_loss
from golfctl.errors import InputError

if dist.is_available():  # its default arguments keep whatever group exists on import, threads and all, past its end
    import torch.distributed.nn


class Ranks:
    """This process's place among `world` processes."""

    def __init__(self, rank: int = 0, world: int = 1) -> None:
        self.rank = rank
        self.world = world

    def share(self, number: int) -> bool:
        """Whether job `number` is this rank's."""
        return number % self.world == self.rank

    def gather(self, parts: list[Tensor | None], rows: list[int], width: int, device: torch.device) -> Tensor:
        """All parts [rows[i], width] float32 in order; part i was computed by rank i mod world (None elsewhere)."""
        if self.world == 1:
            return torch.cat([part for part in parts if part is not None])
        whole = torch.zeros(sum(rows), width, dtype=torch.float32, device=device)
        begin = 0
        for part, count in zip(parts, rows, strict=True):
            if part is not None:
                whole[begin : begin + count] = part
            begin += count
        dist.all_reduce(whole)  # every row is zero on all ranks but one: the sum is exact
        return whole

    def sum(self, tensors: list[Tensor]) -> None:
        """Add the tensors over all ranks, in place."""
        if self.world > 1:
            for tensor in tensors:
                dist.all_reduce(tensor)

    def agree(self, flag: bool, device: torch.device) -> bool:
        """True on every rank when it is true on rank 0."""
        return bool(self.from_first(int(flag), device))

    def from_first(self, number: int, device: torch.device) -> int:
        """The number that rank 0 has, on every rank."""
        if self.world == 1:
            return number
        cell = torch.tensor([number], device=device)
        dist.broadcast(cell, 0)
        return int(cell.item())


@contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """The ranks of a `torchrun` launch (NCCL with CUDA, gloo without), or the single process.

    Raises:
        InputError: another rank never came, or was lost on the way.
    """
    if launched().world == 1 or dist.is_initialized():
        yield Ranks(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else Ranks()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(number_in("LOCAL_RANK") or 0)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"  # an evaluation may stay on the CPU
    with meeting():
        dist.init_process_group(backend, timeout=timedelta(minutes=30))
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    except RuntimeError as error:
        if not speaks_of_loss(error):
            raise
        reason = str(error).splitlines()[0][:160]
        raise InputError(f"rank {dist.get_rank()} lost touch with another rank ({reason}): start all again") from error
    finally:
        dist.destroy_process_group()
