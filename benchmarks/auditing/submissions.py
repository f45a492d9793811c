"""`submission check` over every record folder of a checkout of the challenge's repository, given by path.

    python -m benchmarks.auditing.submissions PATH/records --fails 40 --out benchmarks/results/submissions.json

Prints how often each lint says what, and draws fails (all, where there are no more) and as many warnings with a seed,
for checking by hand against the folders. Nothing of the checkout is copied: the result holds folder names and verdicts.
"""

import argparse
import random
from collections import Counter
from pathlib import Path

from golfctl.auditing.finding import printable
from golfctl.auditing.rules import load_rules
from golfctl.core.canonical import canonical_json
from golfctl.core.files import atomic_write
from golfctl.submission.check import check_submission
from golfctl.submission.table import LINTS

VERDICTS = ("pass", "fail", "warn", "not covered")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--fails", type=int, default=40, help="fails (and warnings) drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rules, counts = load_rules(), {name: Counter() for name in LINTS}
    flags, failing = {"fail": [], "warn": []}, 0
    folders = sorted(path for path in args.records.glob("*/*") if path.is_dir())
    for folder in folders:
        findings = check_submission(folder, rules).findings
        failing += any(f.verdict.value == "fail" for f in findings)
        for f in findings:
            counts[f.id][f.verdict.value] += 1
            if f.verdict.value in flags:
                flags[f.verdict.value].append((printable(folder.name), f.id, f.detail))
    for name, counted in counts.items():
        print(f"{name:<15}", *(f"{verdict} {counted[verdict]:>3} " for verdict in VERDICTS))
    fails, warnings = len(flags["fail"]), len(flags["warn"])
    print(f"{len(folders)} folders, {failing} with a failing lint; {fails} fails, {warnings} warnings")
    drawn = {verdict: draw(found, args.fails, args.seed) for verdict, found in flags.items()}
    for verdict, found in drawn.items():
        print(f"\n{len(found)} of {len(flags[verdict])}: {verdict}")
        for flag in found:
            print(*flag, sep=" | ")
    if args.out:
        result = {
            "folders": len(folders),
            "with_a_failure": failing,
            "flags": {verdict: len(found) for verdict, found in flags.items()},
            "verdicts": counts,
            "seed": args.seed,
            "drawn": {verdict: [[name, lint] for name, lint, _ in found] for verdict, found in drawn.items()},
        }
        atomic_write(args.out, canonical_json(result) + b"\n")


def draw(found, count, seed):
    """`count` of `found`, or all of it in its order where there are no more."""
    return found if len(found) <= count else random.Random(seed).sample(found, count)


if __name__ == "__main__":
    main()
