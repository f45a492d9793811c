"""A part under its time limit: its process is started, shown, and ended with everything that it started."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from benchmarks.gpu.options import ROOT, Options
from benchmarks.gpu.table import Part

LIMIT_SECONDS = 540.0
GRACE_SECONDS = 20.0
HEARTBEAT_SECONDS = 30.0


class Ended(NamedTuple):
    """How a process ended: its exit code (None: the limit came first), and the last lines that it said."""

    code: int | None
    seconds: float
    tail: list[str]


def under_limit(words: list[str], limit_s: float, say: Callable[[str], None], grace_s: float = GRACE_SECONDS) -> Ended:
    """Run `words`, handing its lines to `say`; at the limit its whole session gets SIGTERM, after `grace_s` SIGKILL.

    An interruption of the caller ends the process too, and goes on.
    """
    start, tail = time.monotonic(), []
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout
    reader = threading.Thread(target=_read, args=(process.stdout, tail, say), daemon=True)
    reader.start()
    try:
        code: int | None = _wait(process, start, limit_s, say)
    finally:
        _end(process, grace_s)
    reader.join(timeout=grace_s)
    if not reader.is_alive():  # else something outside the session holds the pipe
        process.stdout.close()
    return Ended(code, time.monotonic() - start, tail)


def _wait(process: "subprocess.Popen[str]", start: float, limit_s: float, say: Callable[[str], None]) -> int | None:
    while (left := limit_s - (time.monotonic() - start)) > 0:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=min(left, HEARTBEAT_SECONDS))
        say(f"  … {time.monotonic() - start:.0f} s of at most {limit_s:.0f}")
    return process.poll()


def _read(stream: IO[str], tail: list[str], say: Callable[[str], None]) -> None:
    for line in stream:
        tail.append(line.rstrip())
        del tail[:-40]
        say(line.rstrip())


def _end(process: "subprocess.Popen[str]", grace_s: float) -> None:
    """End the session: also what outlived its leader."""
    for sent, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 5.0)):
        if not _signal(process.pid, sent):
            break
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and (process.poll() is None or _signal(process.pid, 0)):
            time.sleep(0.05)
    process.wait()


def _signal(group: int, sent: int) -> bool:
    """Whether there was anyone to get it."""
    try:
        os.killpg(group, sent)
    except (ProcessLookupError, PermissionError):  # macOS answers so for a group of zombies
        return False
    return True


def run_part(part: Part, options: Options, limit_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Status, reason, seconds and findings of one part."""
    with tempfile.TemporaryDirectory(prefix="golfctl-gpu-part-") as folder:
        findings = Path(folder, "findings.json")
        words = [sys.executable, "-m", "benchmarks.gpu.child", part.name, str(findings), *options.words()]
        ended = under_limit(words, limit_s, say)
        found: dict[str, Any] = {"status": "broken", "checks": [], "figures": {}}
        if findings.is_file():
            found = json.loads(findings.read_text(encoding="utf-8"))
    reason = ""
    if ended.code is None:
        found["status"], reason = "timed out", f"stopped after {limit_s:g} s; what it had found until then stands here"
    elif ended.code:
        found["status"], reason = "broken", f"ended with {ended.code}: {' | '.join(ended.tail[-3:])}"
    elif found["status"] != "passed":
        worst = [check for check in found["checks"] if check["verdict"] == found["status"]]
        reason = "; ".join(f"{check['name']} {check['note']}".strip() for check in worst[:3])
        reason += f" and {len(worst) - 3} more" if len(worst) > 3 else ""
    return {**found, "reason": reason, "seconds": round(ended.seconds, 1), "limit_seconds": limit_s}
