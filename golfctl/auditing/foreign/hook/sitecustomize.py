"""Runs inside an audited Python process: notes every file opened and denies the network. Imports no golfctl.

Put on PYTHONPATH by `golfctl.auditing.foreign.trace`; does nothing unless GOLFCTL_TRACE names a
file. One JSON line an event.
"""

import json
import os
import sys
import time

_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto", "socket.gethostbyname")
_PROGRAMS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system")


def _start(path: str) -> None:
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(event: str, what: str) -> None:
        line = json.dumps({"pid": os.getpid(), "time": time.monotonic(), "event": event, "what": what})
        os.write(log, line.encode() + b"\n")

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event == "open":
            name, mode = args[0], str(args[1] or "")
            if isinstance(name, str | bytes | os.PathLike):
                writing = any(letter in mode for letter in "wax+")
                note("write" if writing else "read", os.path.abspath(os.fsdecode(name)))  # noqa: PTH100
        elif event in _NETWORK:
            address = args[1] if event in ("socket.connect", "socket.bind", "socket.sendto") else args[0]
            if not isinstance(address, str | bytes) or event in ("socket.getaddrinfo", "socket.gethostbyname"):
                note("network", f"{event} {address!r}")
                raise PermissionError(f"{event}: an audited scorer has no network")
        elif event in _PROGRAMS:
            note("program", str(args[0]))

    note("start", " ".join(sys.orig_argv))
    sys.addaudithook(hook)


if os.environ.get("GOLFCTL_TRACE"):
    _start(os.environ["GOLFCTL_TRACE"])
