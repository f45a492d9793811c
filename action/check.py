"""The check of the GitHub action in `action.yml`: finds the artifacts, inspects them, hands the figures to later steps.

Inputs come as environment variables and go on as single arguments, so that no value of them is read by a shell.
"""

import glob
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

OVER_BUDGET = 5
USAGE = 2


def main() -> int:
    """Check, write the outputs, compare with the base; the exit code is that of the check."""
    paths, verify = matches(os.environ["FILES"].splitlines()), os.environ["VERIFY"]
    if verify not in ("true", "false") or not paths:
        print("::error title=golfctl::the action needs `files`, and `verify` as true or false")
        return USAGE
    report = Path(os.environ["RUNNER_TEMP"]) / "golfctl-inspect.json"
    report.unlink(missing_ok=True)
    options = ["--format", "github", "--report", str(report), *summary_option()]
    options += ["--verify"] if verify == "true" else []
    options += ["--budget", os.environ["BUDGET"]] if os.environ["BUDGET"] else []
    code = inspect(options, paths)
    write_outputs(report, code)
    if os.environ["BASE"] and code in (0, OVER_BUDGET):
        compare(os.environ["BASE"], paths)
    return code


def matches(patterns: Iterable[str]) -> list[str]:
    """Files by name or glob, sorted within a pattern; a pattern without a match stays, and is a missing file then."""
    found: dict[str, None] = {}
    for pattern in filter(None, map(str.strip, patterns)):
        names = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        found |= dict.fromkeys(names or [pattern])
    return list(found)


def inspect(options: list[str], paths: list[str]) -> int:
    """Run `golfctl inspect`, the one on PATH."""
    sys.stdout.flush()
    return subprocess.run(["golfctl", "inspect", *options, "--", *paths], check=False).returncode


def summary_option() -> list[str]:
    """The step's summary, where the runner has one."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return ["--summary", summary] if summary else []


def write_outputs(report: Path, code: int) -> None:
    """`bytes` of the largest artifact, `budget_left` of the tightest, `exit_code`, `report`; empty: not known."""
    document = json.loads(report.read_bytes()) if report.exists() else {}
    inspected = [one for one in document.get("artifacts", [document]) if one.get("schema", "").startswith("inspect/")]
    left = [one["budget"]["headroom_bytes"] for one in inspected if one["budget"]]
    outputs = {
        "bytes": max((one["counted_bytes"] for one in inspected), default=""),
        "budget_left": min(left, default=""),
        "exit_code": code,
        "report": report if report.exists() else "",
    }
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as stream:
        stream.writelines(f"{name}={value}\n" for name, value in outputs.items())


def compare(base: str, paths: list[str]) -> None:
    """What changed, in log and summary. A base that cannot be read is a warning: the check has its verdict already."""
    options = ["--diff", base] if Path(base).is_file() else ["--since", fetched(base)]
    if inspect(["--format", "short", *options, *summary_option()], paths) != 0:
        print("::warning title=golfctl::not everything could be compared with the base: see the log of this step")


def fetched(ref: str) -> str:
    """`FETCH_HEAD` after `ref` was fetched from origin; `ref` itself where origin does not have it."""
    git = ["git", "rev-parse", "--is-shallow-repository"]
    shallow = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() == "true"
    depth = ["--depth", "1"] if shallow else []  # in a whole repository this would cut its history
    fetch = ["git", "fetch", "--quiet", "--no-tags", *depth, "--", "origin", ref]
    return "FETCH_HEAD" if subprocess.run(fetch, check=False).returncode == 0 else ref


if __name__ == "__main__":
    sys.exit(main())
