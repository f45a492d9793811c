"""Run a command with every file it opens noted, and without a network where the system allows that.

What is seen: Python processes, through an audit hook (`hook/sitecustomize.py`). What is not: files that native code
opens by itself, and programs that are not Python; with Linux user namespaces the network is gone for those too.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, NamedTuple

from golfctl.auditing.ahead import Started, ignore
from golfctl.core.files import read_bytes
from golfctl.core.machine.held_signals import held_back
from golfctl.errors import InputError

_HOOK = Path(__file__).parent / "hook" / "sitecustomize.py"
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


def run_traced(command: Sequence[str], folder: Path, timeout_seconds: float, started: Started = ignore) -> Trace:
    """Run `command`, note what it opens in `folder`/trace.jsonl. It is given no input; `started` is told of it.

    Raises:
        InputError: it could not be started, ran too long or returned another code than 0; its last words are shown.
    """
    log = folder / "trace.jsonl"
    log.unlink(missing_ok=True)
    shown = shlex.join(command)
    with (folder / "stderr").open("wb+") as errors:
        try:
            with process_group(
                [*network_prefix(), *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                env=traced_environment(log),
            ) as process:  # fmt: skip
                started(process)
                code = process.wait(timeout_seconds)
        except OSError as error:
            raise InputError(f"cannot run {shown}: {error.strerror or error}") from error
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"{shown}: still running after {timeout_seconds:.0f} s; give it more time (--seconds-per-run)"
            ) from error
        if code:
            raise InputError(f"{shown}: ended with code {code}: {last_words(errors) or 'it said nothing'}")
    return read_trace(log)


def traced_environment(log: Path) -> dict[str, str]:
    """The environment in which a Python process notes what it opens in `log`.

    The hook is copied beside the log: any Python may leave its compiled form there, and none in our installation.
    """
    hook = log.parent / "hook"
    hook.mkdir(exist_ok=True)
    shutil.copy(_HOOK, hook)
    path = os.pathsep.join(filter(None, [str(hook), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "GOLFCTL_TRACE": str(log)}


@contextmanager
def process_group(words: Sequence[str], **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """A process that leads a session. It ends with the block, and all that it started, also if a signal ends the block
    in the moment in which it starts."""
    with held_back() as deliver:
        process = subprocess.Popen(words, start_new_session=True, **options)
        try:
            deliver()
            yield process
        finally:
            stop_group(process)


def stop_group(process: "subprocess.Popen[Any]") -> None:
    """End a process that leads a session, and all that it started and left behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_words(stream: IO[bytes]) -> str:
    """The end of what a process wrote to `stream`, on one line, without what would steer a terminal."""
    stream.seek(0, os.SEEK_END)
    stream.seek(max(0, stream.tell() - 4 * _TAIL_CHARACTERS))
    text = " ".join(stream.read().decode("utf-8", "replace").split())[-_TAIL_CHARACTERS:]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def read_trace(log: Path) -> Trace:
    """The events of a trace file; an empty trace when no traced Python process ran.

    Raises:
        InputError: the file holds something else: what was traced wrote into it.
    """
    if not log.exists():
        return Trace((), bool(network_prefix()))
    try:
        rows = [json.loads(line) for line in read_bytes(log, _TRACE_LIMIT_BYTES).splitlines()]
        timed = [(float(row["time"]), str(row["event"]), str(row["what"])) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError("the trace of what the scorer opens was spoiled: it wrote into it itself") from error
    start = min((time for time, _, _ in timed), default=0.0)
    events = tuple(Event(round(time - start, 3), event, what) for time, event, what in timed)
    return Trace(events, bool(network_prefix()))
