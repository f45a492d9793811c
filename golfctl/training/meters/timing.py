"""Where a step's time goes: seconds by phase, on the host's clock or, on CUDA, on the device's.

CUDA kernels run behind the host, so their phases are measured by events in the stream, which are read back only where
the run waits for the device anyway: no step waits for its own timing.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

PHASES = ("data", "gradient", "optimizer")
_MOST_PENDING = 1024


class Phases(Protocol):
    """A stopwatch with named phases."""

    def start(self) -> None:
        """A step begins."""

    def mark(self, phase: str) -> None:
        """What has run since the last call was `phase`."""

    def seconds(self) -> dict[str, float]:
        """Seconds by phase since the last `reset`; on CUDA this waits for the device."""

    def reset(self) -> None:
        """Forget what was timed."""


class HostPhases:
    """Phases on the host's clock."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now, self._since = now, 0.0
        self._totals = dict.fromkeys(PHASES, 0.0)

    def start(self) -> None:
        """A step begins."""
        self._since = self._now()

    def mark(self, phase: str) -> None:
        """What has run since the last call was `phase`."""
        before, self._since = self._since, self._now()
        self._totals[phase] += self._since - before

    def seconds(self) -> dict[str, float]:
        """Seconds by phase since the last `reset`."""
        return dict(self._totals)

    def reset(self) -> None:
        """Forget what was timed."""
        self._totals = dict.fromkeys(PHASES, 0.0)


class CudaPhases:
    """Phases between events of a CUDA stream; `new_event` makes one with timing, `stream` is where work is queued."""

    def __init__(self, new_event: Callable[[], Any], stream: Callable[[], Any]) -> None:
        self._new_event, self._stream = new_event, stream
        self._totals = dict.fromkeys(PHASES, 0.0)
        self._last: Any = None
        self._pending: list[tuple[str, Any, Any]] = []

    def start(self) -> None:
        """A step begins."""
        if len(self._pending) >= _MOST_PENDING:
            self._read(wait=False)
        self._last = self._record()

    def mark(self, phase: str) -> None:
        """What has been queued since the last call was `phase`."""
        before, self._last = self._last, self._record()
        self._pending.append((phase, before, self._last))

    def seconds(self) -> dict[str, float]:
        """Seconds by phase since the last `reset`; waits for the device."""
        self._read(wait=True)
        return dict(self._totals)

    def reset(self) -> None:
        """Forget what was timed."""
        self._pending = []
        self._totals = dict.fromkeys(PHASES, 0.0)

    def _record(self) -> Any:
        event = self._new_event()
        event.record(self._stream())
        return event

    def _read(self, wait: bool) -> None:
        """Add up what the device has reached: everything if we wait for it."""
        if wait and self._pending:
            self._pending[-1][2].synchronize()
        reached = 0
        for phase, before, after in self._pending:
            if not wait and not after.query():
                break
            self._totals[phase] += before.elapsed_time(after) / 1000.0
            reached += 1
        del self._pending[:reached]


def phases_on(device: torch.device) -> Phases:
    """The stopwatch for work on `device`."""
    if device.type != "cuda":
        return HostPhases()
    return CudaPhases(lambda: torch.cuda.Event(enable_timing=True), lambda: torch.cuda.current_stream(device))
