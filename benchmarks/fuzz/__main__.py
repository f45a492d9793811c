"""Fuzz a reader: `python -m benchmarks.fuzz --target importer --count 100000 [--out FILE]`; exit 1 on any fault."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.fuzz.crew import fuzz
from benchmarks.fuzz.target import NAMES


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--target", choices=NAMES, default="artifact")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    report = fuzz(options.target, options.first, options.count, options.workers)
    text = json.dumps(report, indent=2, sort_keys=True)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    return 1 if report["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
