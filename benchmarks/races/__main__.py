"""Race writers: `python -m benchmarks.races --rounds 200 [--out FILE]`; exit 1 on any fault."""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.races.rounds import ROUNDS, Ground, run_rounds
from golfctl.core.machine.environment import describe_environment


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.races", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of each race")
    parser.add_argument("--races", nargs="+", choices=list(ROUNDS), default=list(ROUNDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(Path(folder))
        found = {}
        for name in options.races:
            start = time.monotonic()
            found[name] = run_rounds(ground, name, options.rounds, options.seed)
            seconds, faults = time.monotonic() - start, found[name]["faults"]
            print(f"{name}: {options.rounds} rounds, {seconds:.0f} s, {faults or 'no faults'}", file=sys.stderr)
    words = f"python -m benchmarks.races --rounds {options.rounds} --seed {options.seed}"
    machine = f"{len(os.sched_getaffinity(0))} cores, {describe_environment()['processor']}"
    text = json.dumps({"command": words, "machine": machine, "races": found}, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    return 1 if any(race["faults"] for race in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
