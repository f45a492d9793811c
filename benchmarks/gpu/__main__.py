"""Run the parts one by one; see the head of `benchmarks/gpu.sh`."""

import signal
import sys
from typing import Any

from benchmarks.gpu import machine as machines
from benchmarks.gpu.missing import lacks, missing
from benchmarks.gpu.options import Options, read
from benchmarks.gpu.runner import LIMIT_SECONDS, run_part
from benchmarks.gpu.table import PARTS, Part

EXIT_CODES = {"passed": 0, "not here": 0, "failed": 6, "timed out": 1, "broken": 1}


def main(words: list[str]) -> int:
    options = read(words, tuple(part.name for part in PARTS))
    try:
        machine = machines.ask()
    except RuntimeError as error:
        say(f"this Python cannot even be asked what it has: {error}")
        return 3
    absent = missing(machine, options)
    for each in absent:
        say(each.line())
    if any(each.fatal for each in absent):
        return 3
    from benchmarks.gpu import summary

    device = machines.device_name(machine, options.dry)
    say(f"{device}; torch {machine['torch']}; results in {options.out}")
    chosen = [part for part in PARTS if part.name in options.parts]
    statuses = []
    for number, part in enumerate(chosen, 1):
        found = one(part, options, machine, f"[{number}/{len(chosen)}] {part.name}")
        statuses.append(found["status"])
        written = summary.write(options.out)
    print(written.read_text(encoding="utf-8"), end="")
    codes = {EXIT_CODES[status] for status in statuses}
    return 6 if 6 in codes else max(codes)


def one(part: Part, options: Options, machine: dict[str, Any], title: str) -> dict[str, Any]:
    """The part's record: the one that is there, or a new one."""
    from benchmarks.gpu import record

    identity = {
        "part": part.name,
        "commit": machines.commit(),
        "device": machines.device_name(machine, options.dry),
        "torch": machine["torch"],
        "arguments": options.identity(part.uses),
    }
    before = record.read(options.out, part.name)
    if before and not options.again and record.stands(before, identity):
        say(f"{title}: skipped, its result is there (same code, device and arguments; --again runs it)")
        return before
    say(f"{title}: {part.what} (at most {LIMIT_SECONDS / 60:g} min)")
    if reason := lacks(part, machine, options):
        found = {"status": "not here", "reason": reason, "checks": [], "figures": {}, "seconds": 0.0,
                 "limit_seconds": LIMIT_SECONDS}  # fmt: skip
    else:
        found = run_part(part, options, LIMIT_SECONDS, say)
    result = {"identity": identity, "what": part.what, "command": options.command(part.name), "machine": machine,
              **found}  # fmt: skip
    record.write(options.out, result, options.hidden())
    say(f"{title}: {found['status']} after {found['seconds']:.0f} s{'. ' if found['reason'] else ''}{found['reason']}")
    return result


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def stop(*_: object) -> None:
    """A closed terminal or a terminated job ends the part that runs, like Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:  # nohup
            signal.signal(each, stop)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted: the results so far are kept; the same line goes on from here")
        sys.exit(130)
