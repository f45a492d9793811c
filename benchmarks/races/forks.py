"""Two racers, forked from a warm process, that tell over a pipe what they reported as done; one may be killed."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from golfctl.errors import GolfError

Tell = Callable[[Any], None]
Racer = Callable[[Tell], None]
_PATIENCE_SECONDS = 120.0


class Outcome(NamedTuple):
    """How a racer ended: its exit code (-9: killed), its error's message, and everything it told."""

    code: int
    message: str
    told: list[Any]


def race(racers: list[Racer], rng: random.Random, kill_within_seconds: float) -> list[Outcome]:
    """Run all at once; in two of three rounds kill -9 one of them after a random time."""
    started = [_fork(racer) for racer in racers]
    if rng.random() < 2 / 3:
        time.sleep(rng.uniform(0.0, kill_within_seconds))
        os.kill(rng.choice(started)[0], signal.SIGKILL)
    return [_outcome(pid, pipe) for pid, pipe in started]


def alone(racer: Racer) -> Outcome:
    """Run one, undisturbed."""
    return _outcome(*_fork(racer))


def _fork(racer: Racer) -> tuple[int, int]:
    reads, writes = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writes)
        return pid, reads
    os.close(reads)
    signal.alarm(int(_PATIENCE_SECONDS))  # a hang is a fault too
    code = 1
    try:
        racer(lambda said: _tell(writes, said))
        code = 0
    except GolfError as error:
        code = error.exit_code
        _tell(writes, {"error": str(error)})
    except BaseException as error:  # noqa: BLE001  a racer's bug is a finding
        _tell(writes, {"error": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(code)


def _tell(pipe: int, said: Any) -> None:
    os.write(pipe, json.dumps(said).encode() + b"\n")


def _outcome(pid: int, pipe: int) -> Outcome:
    with os.fdopen(pipe, "rb") as stream:
        lines = stream.read().split(b"\n")[:-1]  # a racer that is killed may leave half a line, which it did not tell
    told = [json.loads(line) for line in lines]
    errors = [said["error"] for said in told if isinstance(said, dict) and "error" in said]
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Outcome(code, " ".join(errors), [said for said in told if not (isinstance(said, dict) and "error" in said)])
