"""golfctl's own evaluation stacks on a trained artifact under the audit: honest forms pass, leaking forms fail.

    python -m benchmarks.auditing.own_forms M.golf --data DIR --name quickstart --out benchmarks/results/audit_own.json

Only the checks of scoring are run; the artifact is copied away first, so that no receipt is written beside it.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from golfctl.cli.main import exit_code_of
from golfctl.core.canonical import canonical_json
from golfctl.core.files import atomic_write
from golfctl.core.machine.environment import describe_environment

CHECKS = "T0,T1,T1b,T2,T3,T3r,T4,T7,T8,T9,T10,T12-i,T12-ii,T12-iii,T12-v,T13"
LEAKY = ["--allow-leaks"]
HONEST = {
    "plain": [],
    "documents": ["--set", "eval.context=documents"],
    "rolling": ["--set", "eval.rolling=true", "--set", "eval.seq_len=64", "--stride", "64"],
    "ttt": ["--ttt"],
    "ttt, lora": ["--ttt", "--set", "eval.ttt.form=lora", "--set", "eval.context=documents"],
    "slot, causal": ["--slot-steps", "5"],
    "ngram": ["--ngram", "5"],
    "ctw": ["--set", "eval.ctw.depth=4"],
    "calibrate": ["--calibrate"],
    "all": ["--ttt", "--slot-steps", "5", "--ngram", "5", "--set", "eval.ctw.depth=4", "--calibrate"],
}
LEAKS = {
    "slot, shared": [*LEAKY, "--set", "eval.slot.form=shared"],
    "slot, per sample": [*LEAKY, "--set", "eval.slot.form=per-sample", "--set", "eval.slot.bias=true"],
    "hashed n-gram": [*LEAKY, "--set", "eval.ngram.form=target-keyed"],
    "adapt, then score": [*LEAKY, "--ttt", "--set", "eval.adapt_then_score=true"],
}


def audit(folder, data, form, seed, checks, more):
    report = folder / "audit.json"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    code = exit_code_of([
        "audit", str(folder / "m.golf"), "--data", str(data), *(HONEST | LEAKS)[form], "--seed", str(seed),
        "--only", checks, "--report", str(report), "--evidence", str(folder / "evidence"), "--quiet", *more,
    ])  # fmt: skip
    if code not in (0, 6):
        raise SystemExit(f"{form}: the audit could not be run (exit code {code})")
    found = json.loads(report.read_text())["findings"]
    return {
        "exit_code": code,
        "seconds": round(time.monotonic() - started, 1),
        "verdicts": {f["id"]: f["verdict"] for f in found},
        "failures": {f["id"]: [f["value"], f["detail"]] for f in found if f["verdict"] == "fail"},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--name", required=True, help="Of the model in the results.")
    parser.add_argument("--only", nargs="*", default=[*HONEST, *LEAKS], choices=[*HONEST, *LEAKS])
    parser.add_argument("--checks", default=CHECKS, help="Run these alone.")
    parser.add_argument("--tokens", type=int, help="Of the text that is probed, when not golfctl's own choice.")
    parser.add_argument("--cuts", type=int, help="Likewise, cuts of T1.")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    asked = {"--tokens-per-text": args.tokens, "--cuts": args.cuts}
    more = [part for flag, value in asked.items() if value for part in (flag, str(value))]
    result = json.loads(args.out.read_text()) if args.out.exists() else {"models": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(args.artifact, folder / "m.golf")
        for form in args.only:
            found = audit(folder, args.data, form, args.seed, args.checks, more)
            right = bool(found["failures"]) == (form in LEAKS)
            result["models"].setdefault(args.name, {})[form] = {
                "leaks": form in LEAKS, "right": right, "smaller": more, **found
            }  # fmt: skip
            print(
                args.name, form, "right" if right else "WRONG", sorted(found["failures"]), found["seconds"], flush=True
            )
            atomic_write(args.out, canonical_json({**result, "environment": describe_environment()}) + b"\n")


if __name__ == "__main__":
    main()
