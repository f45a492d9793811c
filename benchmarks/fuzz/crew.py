"""Workers that judge cases, and the parent that watches them.

A case that hangs inside a library call cannot be interrupted from within: the parent watches each worker's case number
and ends a worker that stays on one case for too long.
"""

import multiprocessing
import time
from collections import Counter
from typing import Any

from benchmarks.fuzz.judge import HANG_SECONDS, judge
from benchmarks.fuzz.target import find_target
from golfctl.core.machine.environment import describe_environment

_CONTEXT = multiprocessing.get_context("spawn")
_WATCH_SECONDS = HANG_SECONDS + 25  # building a mutant (bombs) and a busy machine count too


def work(name: str, numbers: range, current: Any, results: Any) -> None:
    """Judge cases one by one; report sums at the end, faults at once."""
    target = find_target(name)
    seeds = target.seeds()
    for seed in seeds:  # compile and warm up before anything is measured
        judge(target, seed)
    outcomes: Counter[str] = Counter()
    slowest, largest = 0.0, 0
    for number in numbers:
        current.value = number
        verdict = judge(target, target.mutant(number, seeds))
        outcomes[verdict.outcome] += 1
        slowest, largest = max(slowest, verdict.seconds), max(largest, verdict.grown_bytes)
        if verdict.fault:
            results.put(("fault", number, verdict.fault))
    results.put(("done", dict(outcomes), slowest, largest))


def fuzz(name: str, first: int, count: int, workers: int) -> dict[str, Any]:
    """Run `count` cases of a target from number `first`; returns counts by outcome and every fault."""
    results = _CONTEXT.Queue()
    crews = []
    for worker in range(workers):
        current = _CONTEXT.Value("q", -1)
        numbers = range(first + worker, first + count, workers)
        process = _CONTEXT.Process(target=work, args=(name, numbers, current, results))
        process.start()
        crews.append((process, current))
    outcomes: Counter[str] = Counter()
    faults: list[dict[str, Any]] = []
    slowest, largest, done = 0.0, 0, 0
    watch = {i: (-1, time.monotonic()) for i in range(workers)}
    while done < workers:
        while not results.empty():
            message = results.get()
            if message[0] == "fault":
                faults.append({"case": message[1], "fault": message[2]})
            else:
                outcomes.update(message[1])
                slowest, largest, done = max(slowest, message[2]), max(largest, message[3]), done + 1
        for i, (process, current) in enumerate(crews):
            stuck = _stuck(watch, i, current.value)
            if (process.is_alive() and stuck) or process.exitcode not in (None, 0):
                process.kill()
                faults.append({"case": current.value, "fault": "hang" if stuck else f"died: {process.exitcode}"})
                return _report(name, first, count, outcomes, faults, slowest, largest)
        time.sleep(0.05)
    for process, _ in crews:
        process.join()
    return _report(name, first, count, outcomes, faults, slowest, largest)


def _stuck(watch: dict[int, tuple[int, float]], worker: int, case: int) -> bool:
    before, since = watch[worker]
    if case != before or case < 0:
        watch[worker] = (case, time.monotonic())
        return False
    return time.monotonic() - since > _WATCH_SECONDS


def _report(
    name: str,
    first: int,
    count: int,
    outcomes: Counter[str],
    faults: list[dict[str, Any]],
    slowest: float,
    largest: int,
) -> dict[str, Any]:
    return {
        "target": name,
        "cases": count,
        "first": first,
        "judged": sum(outcomes.values()),
        "outcomes": dict(sorted(outcomes.items())),
        "faults": faults,
        "slowest_seconds": round(slowest, 3),
        "largest_growth_bytes": largest,
        "allowed": {"seconds": HANG_SECONDS, **find_target(name).allowed()},
        "environment": describe_environment(),
    }
