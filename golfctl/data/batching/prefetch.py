"""Prepare batches ahead on a thread, in pinned memory where a CUDA device will read them."""

import queue
import threading
from typing import Any

import numpy as np

from golfctl.data.batching.batches import Batch, Loader, State

_POLL_SECONDS = 0.2


class Prefetcher:
    """Deals what its loader would deal; `state` is that after the last batch dealt, not the last one prepared.

    Use it as a context manager, or call `close`. An error of the loader is raised by the `next` that would have
    returned the batch.
    """

    def __init__(self, loader: Loader, depth: int = 2, pin: bool = False) -> None:
        """Prepare at most `depth` batches ahead; `pin` copies them into page-locked memory (needs CUDA)."""
        if depth < 1:
            raise ValueError("a prefetcher prepares at least one batch ahead")
        self._loader, self._depth, self._pin = loader, depth, pin
        self._state = loader.state()
        self._failed: BaseException | None = None
        self._start()

    def next(self) -> Batch:
        """The loader's next batch; raises what the loader raised."""
        if self._failed is not None:
            raise self._failed
        if self._stop.is_set():
            raise ValueError("this prefetcher is closed")
        item = self._ready.get()
        if isinstance(item, BaseException):
            self._failed = item
            raise item
        batch, self._state = item
        return batch

    def state(self) -> State:
        """State after the last batch that `next` returned."""
        return self._state

    def restore(self, state: State) -> None:
        """Drop what was prepared and continue from `state`; raises as the loader does."""
        self.close()
        self._loader.restore(state)
        self._state = self._loader.state()
        self._start()

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> "Prefetcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        self._stop = threading.Event()
        self._failed = None
        self._ready: queue.Queue[Any] = queue.Queue(self._depth)
        self._thread = threading.Thread(target=self._work, name="golfctl-prefetch", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._stop.is_set():
            item: Any
            try:
                batch = self._loader.next()
                item = (Batch(*map(_pinned, batch)) if self._pin else batch), self._loader.state()
            except Exception as error:  # noqa: BLE001 - handed to the thread that asked
                item = error
            if not self._put(item) or isinstance(item, Exception):
                return

    def _put(self, item: Any) -> bool:
        """Wait for room; False when the prefetcher was closed meanwhile."""
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False


def _pinned(rows: np.ndarray) -> np.ndarray:
    """A copy in page-locked memory, seen as an array (`torch.from_numpy` of it is pinned too)."""
    import torch

    return np.asarray(torch.from_numpy(np.ascontiguousarray(rows)).pin_memory())


def prefetching(loader: Loader, depth: int, pin: bool = False) -> Loader | Prefetcher:
    """The loader itself for depth 0, else a `Prefetcher` around it; both deal, save and restore alike."""
    return Prefetcher(loader, depth, pin) if depth else loader
