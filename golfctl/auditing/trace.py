"""Run a command with every file it opens noted, and without a network where the system allows that.

What is seen: Python processes, through an audit hook (`hook/sitecustomize.py`). What is not: files that native code
opens by itself, and programs that are not Python; with Linux user namespaces the network is gone for those too.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from golfctl.core.files import read_bytes
from golfctl.errors import InputError

HOOK = Path(__file__).parent / "hook"
_TRACE_LIMIT_BYTES = 1 << 28
_TAIL_CHARACTERS = 600


class Event(NamedTuple):
    """`event` is start, read, write, network or program; `seconds` runs from the first event."""

    seconds: float
    event: str
    what: str


class Trace(NamedTuple):
    """What a command did; `isolated` when it ran in a network namespace of its own."""

    events: tuple[Event, ...]
    isolated: bool

    def of(self, kind: str) -> list[str]:
        """The distinct things of one kind, in order of first appearance."""
        return list(dict.fromkeys(event.what for event in self.events if event.event == kind))


@cache
def network_prefix() -> tuple[str, ...]:
    """The command that takes the network away, or nothing where namespaces are not allowed."""
    program = shutil.which("unshare")
    if program is None:
        return ()
    prefix = (program, "--user", "--map-root-user", "--net")
    tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if tried.returncode == 0 else ()


def run_traced(command: Sequence[str], folder: Path, timeout_seconds: float, environment: dict[str, str]) -> Trace:
    """Run `command`, note what it opens in `folder`/trace.jsonl.

    Raises:
        InputError: it could not be started, ran too long or returned another code than 0; its last words are shown.
    """
    log = folder / "trace.jsonl"
    log.unlink(missing_ok=True)
    path = os.pathsep.join(filter(None, [str(HOOK), os.environ.get("PYTHONPATH", "")]))
    env = {**os.environ, **environment, "PYTHONPATH": path, "GOLFCTL_TRACE": str(log)}
    shown = shlex.join(command)
    try:
        done = subprocess.run(
            [*network_prefix(), *command], capture_output=True, text=True, timeout=timeout_seconds, env=env, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{shown}: still running after {timeout_seconds:.0f} s; give it more or fewer texts"
        ) from error
    except OSError as error:
        raise InputError(f"cannot run {shown}: {error.strerror or error}") from error
    if done.returncode != 0:
        words = " ".join(done.stderr.split())[-_TAIL_CHARACTERS:]
        raise InputError(f"{shown}: ended with code {done.returncode}: {words or 'it said nothing'}")
    return read_trace(log)


def read_trace(log: Path) -> Trace:
    """The events of a trace file; an empty trace when no traced Python process ran."""
    if not log.exists():
        return Trace((), bool(network_prefix()))
    rows = [json.loads(line) for line in read_bytes(log, _TRACE_LIMIT_BYTES).splitlines()]
    start = min((row["time"] for row in rows), default=0.0)
    events = tuple(Event(round(row["time"] - start, 3), row["event"], row["what"]) for row in rows)
    return Trace(events, bool(network_prefix()))
