"""Progress as people see it: bars with rate and ETA on a terminal, one plain line every few seconds in a log."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from golfctl.cli.views.terminal import tell
from golfctl.core.progress import SILENT, Progress, Task
from golfctl.core.text import one_line
from golfctl.errors import InterruptedRun

_LINE_SECONDS = 10.0


def reporter(quiet: bool = False) -> Progress:
    """The reporter for this process: silent, a terminal bar, or plain log lines."""
    if quiet:
        return SILENT
    return _Bars() if sys.stderr.isatty() else _Lines()


def give_up(words: str) -> None:
    """End the process here and now, as after Ctrl-C: for a main thread that is deep in a library and cannot."""
    tell(f"golfctl: {words}")
    os._exit(InterruptedRun.exit_code)


class _Reporter:
    def say(self, message: str) -> None:
        tell(message)


class _Bars(_Reporter):
    @contextmanager
    def task(self, label: str, total: int | None, unit: str) -> Iterator[Task]:
        from tqdm import tqdm

        label = one_line(label)
        with tqdm(total=total, desc=label, unit=f" {unit}", unit_scale=True, dynamic_ncols=True, leave=True) as bar:
            yield _BarTask(bar)


class _BarTask:
    def __init__(self, bar: "object") -> None:
        self._bar = bar

    def advance(self, amount: int = 1, **figures: float | str) -> None:
        if figures:
            self._bar.set_postfix(figures, refresh=not amount)  # type: ignore[attr-defined]
        self._bar.update(amount)  # type: ignore[attr-defined]


class _Lines(_Reporter):
    @contextmanager
    def task(self, label: str, total: int | None, unit: str) -> Iterator[Task]:
        task = _LineTask(label, total, unit)
        yield task
        task.close()


class _LineTask:
    def __init__(self, label: str, total: int | None, unit: str) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done, self._figures = 0, ""
        self._start = self._shown = time.monotonic()

    def advance(self, amount: int = 1, **figures: float | str) -> None:
        self._done += amount
        if figures:
            self._figures = "".join(
                f" {k}={v:.4g}" if isinstance(v, float) else f" {k}={v}" for k, v in figures.items()
            )
        now = time.monotonic()
        if now - self._shown >= _LINE_SECONDS:
            self._shown = now
            self._show(now)

    def close(self) -> None:
        """Say how it ended."""
        self._show(time.monotonic())

    def _show(self, now: float) -> None:
        seconds = max(now - self._start, 1e-9)
        rate = self._done / seconds
        of_total, eta = "", ""
        if self._total:
            of_total = f"/{self._total:,}"
            if 0 < self._done < self._total:
                eta = f", {(self._total - self._done) / rate:.0f} s left"
        tell(f"{self._label}: {self._done:,}{of_total} {self._unit}, {rate:,.4g} {self._unit}/s{eta}{self._figures}")
