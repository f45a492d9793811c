"""One token at a time through a pipe: the scorer answers each with its distribution over the next (level 2).

Protocol, line by line: the auditor writes a token id; the scorer answers with V natural logarithms of probabilities,
white space between; and so on to the end of its input. It never holds a token that it has not yet predicted.

Legend: N tokens, V vocabulary.
"""

import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from golfctl.auditing.ahead import Started, ignore
from golfctl.auditing.foreign.trace import (
    Trace,
    last_words,
    network_prefix,
    process_group,
    read_trace,
    stop_group,
    traced_environment,
)
from golfctl.errors import InputError


class Fed(NamedTuple):
    """−ln p of each token from the posted rows [N] (token 0: NaN), the largest |ln mass|, and what was opened."""

    nll_N: np.ndarray
    mass: float
    trace: Trace


def feed(
    command: Sequence[str],
    text_N: np.ndarray,
    vocab_size: int,
    timeout_seconds: float,
    shown: str,
    started: Started = ignore,
) -> Fed:
    """Run `command` on `text_N`; `started` is told of its process.

    Raises:
        InputError: it could not be started, ended early, answered something else than V numbers, or took too long.
    """
    with (
        tempfile.TemporaryDirectory(prefix="golfctl-audit-") as name,
        (Path(name) / "stderr").open("wb+") as errors,
        ExitStack() as ended,
    ):
        log = Path(name) / "trace.jsonl"
        try:
            group = process_group(
                [*network_prefix(), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True, encoding="ascii", errors="replace", env=traced_environment(log),
            )  # fmt: skip
            process = ended.enter_context(group)
        except OSError as error:
            raise InputError(f"cannot run {shown}: {error.strerror or error}") from error
        started(process)
        late = threading.Event()
        watch = threading.Timer(timeout_seconds, _too_late, (process, late))
        watch.start()
        try:
            nll_N, mass = _converse(process, text_N, vocab_size)
        except (_Answer, OSError) as error:
            stop_group(process)
            if late.is_set():
                raise InputError(f"{shown}: still running after {timeout_seconds:.0f} s") from error
            said = last_words(errors)
            raise InputError(f"{shown}: {error}{f'; it said: {said}' if said else ''}") from error
        finally:
            watch.cancel()
            stop_group(process)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
        return Fed(nll_N, mass, read_trace(log))


class _Answer(Exception):
    """The scorer's answer is none."""


def _converse(process: "subprocess.Popen[str]", text_N: np.ndarray, vocab_size: int) -> tuple[np.ndarray, float]:
    assert process.stdin is not None and process.stdout is not None
    nll_N, mass = np.full(len(text_N), np.nan), 0.0
    for i in range(1, len(text_N)):
        process.stdin.write(f"{int(text_N[i - 1])}\n")
        process.stdin.flush()
        row_V = _row(process.stdout, vocab_size, i)
        top = row_V.max()
        total = float(top + np.log(np.exp(row_V - top).sum())) if np.isfinite(top) else float("inf")
        mass = max(mass, abs(total))
        nll_N[i] = -row_V[int(text_N[i])]
    process.stdin.close()
    return nll_N, mass


def _row(stream: IO[str], vocab_size: int, position: int) -> np.ndarray:
    line = stream.readline(64 * vocab_size + 64)
    if not line:
        raise _Answer(f"ended before it answered token {position}")
    try:
        row_V = np.array(line.split(), np.float64)
    except ValueError as error:
        raise _Answer(f"its answer for token {position} is no row of numbers ({error})") from None
    if len(row_V) != vocab_size:
        raise _Answer(f"its answer for token {position} has {len(row_V)} numbers, not {vocab_size}")
    if np.isnan(row_V).any():
        raise _Answer(f"its answer for token {position} holds NaN")
    return row_V


def _too_late(process: "subprocess.Popen[str]", late: threading.Event) -> None:
    late.set()
    stop_group(process)
