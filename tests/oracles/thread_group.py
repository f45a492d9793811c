"""Ranks as threads of one process: collectives that wait for everyone and add in rank order, with a trace."""

import threading

import torch

from golfctl.optim.collectives import Traced
from tests.patience import HANG_SECONDS


class _Done:
    def wait(self):
        pass


class ThreadWorld:
    """Shared memory of `world` ranks."""

    def __init__(self, world):
        self.world = world
        self.slots = [None] * world
        self.barrier = threading.Barrier(world, timeout=HANG_SECONDS)

    def run(self, function):
        """`function(group)` on every rank at once; its results in rank order."""
        results, errors = [None] * self.world, []

        def body(rank):
            try:
                results[rank] = function(ThreadGroup(self, rank))
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                errors.append(error)
                self.barrier.abort()

        threads = [threading.Thread(target=body, args=(rank,)) for rank in range(self.world)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return results


class ThreadGroup:
    def __init__(self, shared, rank):
        self.shared, self.rank, self.world = shared, rank, shared.world
        self.trace = []

    def _exchange(self, tensor):
        self.shared.slots[self.rank] = tensor.detach().clone()
        self.shared.barrier.wait()
        everyone = list(self.shared.slots)
        self.shared.barrier.wait()
        return everyone

    def _note(self, operation, tensor):
        self.trace.append(Traced(operation, tensor.numel() * tensor.element_size()))

    def reduce_scatter(self, out, full):
        self._note("reduce_scatter", full)
        total = torch.stack(self._exchange(full)).sum(0)
        out.copy_(total.chunk(self.world)[self.rank])
        return _Done()

    def all_gather(self, full, part):
        self._note("all_gather", part)
        full.copy_(torch.cat(self._exchange(part)))
        return _Done()

    def all_reduce(self, tensor):
        self._note("all_reduce", tensor)
        tensor.copy_(torch.stack(self._exchange(tensor)).sum(0))
        return _Done()
