"""`submission check` over every record folder of a checkout of the challenge's repository, given by path.

    python -m benchmarks.auditing.submissions PATH/records --sample 20 --out benchmarks/results/submissions.json

Prints how often each lint says what, and draws a seeded sample of flags for checking by hand. Nothing of the checkout
is copied.
"""

import argparse
import random
from collections import Counter
from pathlib import Path

from golfctl.auditing.rules import load_rules
from golfctl.core.canonical import canonical_json
from golfctl.core.files import atomic_write
from golfctl.submission.check import check_submission
from golfctl.submission.table import LINTS

VERDICTS = ("pass", "fail", "warn", "not covered")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rules, counts, flags, failing = load_rules(), {name: Counter() for name in LINTS}, [], 0
    folders = sorted(path for path in args.records.glob("*/*") if path.is_dir())
    for folder in folders:
        findings = check_submission(folder, rules).findings
        failing += any(f.verdict.value == "fail" for f in findings)
        for f in findings:
            counts[f.id][f.verdict.value] += 1
            if f.verdict.value in ("fail", "warn"):
                flags.append((folder.name, f.id, f.verdict.value, f.detail))
    for name, counted in counts.items():
        print(f"{name:<15}", *(f"{verdict} {counted[verdict]:>3} " for verdict in VERDICTS))
    print(f"{len(folders)} folders, {failing} with a failing lint, {len(flags)} flags")
    for flag in random.Random(args.seed).sample(flags, min(args.sample, len(flags))):
        print(*flag, sep=" | ")
    if args.out:
        result = {"folders": len(folders), "with_a_failure": failing, "flags": len(flags), "verdicts": counts}
        atomic_write(args.out, canonical_json(result) + b"\n")


if __name__ == "__main__":
    main()
