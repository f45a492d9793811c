"""Wall-clock runs one after the other: is everything that touches training data sealed within the budget?

    python benchmarks/sealed.py --data DIR [--recipe examples/pr549-mini.toml] [--seconds 60] [--runs 10]

Every run is the command `golfctl train RECIPE --seconds S --set train.calibration=train:TOKENS`, with another seed.
Read from its journal: the training clock when checkpoint and calibration statistics lay on disk. Prints one JSON
document; exit code 1 when a run was late or failed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from golfctl.core.machine.environment import describe_environment
from golfctl.training.run.run_folders import run_records

ROOT = Path(__file__).parents[1]


def run(arguments, seed, folder):
    """One run's figures; `late` is true when anything was written after the budget."""
    values = [f"train.seed={seed}", f"train.calibration=train:{arguments.calibration_tokens}"]
    command = [
        sys.executable, "-m", "golfctl", "train", str(arguments.recipe), "--data", str(arguments.data),
        "--seconds", f"{arguments.seconds:g}", "--out", str(folder), "--quiet",
        *(word for value in values for word in ("--set", value)),
    ]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        return {"seed": seed, "exit_code": done.returncode, "late": True}
    end = run_records(folder, "train.end")[-1]
    collected = run_records(folder, "train.calibration")[-1]
    return {
        "seed": seed,
        "exit_code": 0,
        "steps": end["step"],
        "checkpoint_at": round(run_records(folder, "train.checkpoint")[-1]["seconds"], 3),
        "calibration_at": collected["seconds"],
        "seconds_left": round(arguments.seconds - end["seconds"], 3),
        "late": not (end["sealed_in_budget"] and (folder / collected["file"]).is_file()),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=ROOT / "examples" / "pr549-mini.toml")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--calibration-tokens", type=int, default=65536)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    arguments = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.runs):
            runs.append(run(arguments, seed, Path(scratch) / str(seed)))
            print(runs[-1], file=sys.stderr, flush=True)
    facts = describe_environment()
    words = " ".join(sys.argv[1:]).replace(str(arguments.data), "DATA")
    result = {
        "command": f"python benchmarks/sealed.py {words}",
        "machine": f"{len(os.sched_getaffinity(0))} cores, {facts['processor']}, {torch.get_num_threads()} threads",
        "recipe": arguments.recipe.name,
        "sealed": sum(not entry["late"] for entry in runs),
        "runs": runs,
    }
    print(json.dumps(result, indent=1))
    sys.exit(any(entry["late"] for entry in runs))


if __name__ == "__main__":
    main()
