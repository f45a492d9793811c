"""How often the audit is right: fourteen toy scorers over many probe seeds, and honest scorers for false alarms.

    python -m benchmarks.auditing.power --seeds 50 --honest 200 --out benchmarks/results/audit_power.json

For each toy: runs in which at least one check failed, verdicts other than the expected ones, and the spread of the
known-source statistic and of the share of cuts that moved. For honest scorers: false failures in all. In parts:
`--toys 0 1 2` studies those toys alone, and what the output holds already stays.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np

from golfctl.auditing.finding import Verdict
from golfctl.auditing.rules import load_rules
from golfctl.auditing.self_test import CHECK_IDS, audit_toy, toy_plan
from golfctl.auditing.toys.table import TOYS
from golfctl.core.canonical import canonical_json
from golfctl.core.files import atomic_write
from golfctl.core.machine.environment import describe_environment

HONEST_TEXT = {"source_tokens": 512}


def study_toy(toy, seeds, checks):
    rules = load_rules()
    wrong, failed, found, gains, moved, seconds = Counter(), Counter(), 0, [], [], []
    for seed in seeds:
        start = time.perf_counter()
        result = audit_toy(toy, toy_plan(seed), rules, checks)
        seconds.append(time.perf_counter() - start)
        wrong.update(result.wrong)
        fails = [f.id for f in result.findings if f.verdict is Verdict.FAIL]
        failed.update(fails)
        found += bool(fails)
        by_id = {f.id: f for f in result.findings}
        gains += [by_id["T12-i"].value] if "T12-i" in by_id else []
        moved += [int(by_id["T1"].detail.split()[0])] if "T1" in by_id else []
    return {
        "scorer": toy.name,
        "honest": toy.honest,
        "runs": len(seconds),
        "runs_with_a_failure": found,
        "failures_by_check": dict(failed),
        "unexpected_verdicts": dict(wrong),
        "cuts_moved_of_60": spread(moved),
        "known_source_ln_e": spread(gains),
        "seconds_per_run": round(float(np.median(seconds)), 2),
    }


def study_honest(runs, first_seed):
    """False failures of the four adaptive or mixing honest scorers, at the known-source check's own alpha."""
    rules, honest = load_rules(), [toy for toy in TOYS if toy.honest and not toy.warns]
    false, largest = Counter(), -np.inf
    for i in range(runs):
        toy = honest[i % len(honest)]
        result = audit_toy(toy, toy_plan(first_seed + i, **HONEST_TEXT), rules)
        false.update(f.id for f in result.findings if f.verdict is Verdict.FAIL)
        largest = max(largest, *(f.value for f in result.findings if f.id == "T12-i"))
    return {"runs": runs, "false_failures": dict(false), "largest_known_source_ln_e": round(largest, 2)}


def spread(values):
    if not values:
        return None
    low, middle, high = (round(float(q), 2) for q in np.quantile(values, [0, 0.5, 1]))
    return {"min": low, "median": middle, "max": high}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--honest", type=int, default=200)
    parser.add_argument("--toys", type=int, nargs="*", default=list(range(len(TOYS))), help="Numbers of toys.")
    parser.add_argument("--checks", default=",".join(CHECK_IDS), help="Run these alone on the toys.")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/audit_power.json"))
    args = parser.parse_args()
    known = json.loads(args.out.read_text()) if args.out.exists() else {"toys": [], "honest": None}
    rows = {row["scorer"]: row for row in known["toys"]}
    for toy in (TOYS[i] for i in args.toys):
        rows[toy.name] = study_toy(toy, range(1000, 1000 + args.seeds), args.checks.split(","))
        print(canonical_json(rows[toy.name]).decode(), flush=True)
    honest = study_honest(args.honest, 5000) if args.honest else known["honest"]
    print(canonical_json(honest).decode(), flush=True)
    result = {
        "command": f"python -m benchmarks.auditing.power --seeds {args.seeds} --honest {args.honest}",
        "checks": args.checks,
        "environment": describe_environment(),
        "toys": [rows[toy.name] for toy in TOYS if toy.name in rows],
        "honest": honest,
    }
    atomic_write(args.out, canonical_json(result) + b"\n")


if __name__ == "__main__":
    main()
