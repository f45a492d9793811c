"""Start-up of the light commands against `python -c "import click, numpy"`: interleaved, medians, as a ratio.

python benchmarks/startup.py [--repeats 15] [--out benchmarks/results/startup.json]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
BAR = 3.0


def commands(folder: Path) -> dict[str, list[str]]:
    from golfctl.artifact import write_artifact
    from tests.seed_model import seed_draft

    artifact = folder / "seed.golf"
    write_artifact(artifact, seed_draft())
    golfctl = [sys.executable, "-m", "golfctl"]
    return {
        "import click, numpy": [sys.executable, "-c", "import click, numpy"],
        "golfctl --help": [*golfctl, "--help"],
        "golfctl inspect (16 MB, 121 tensors)": [*golfctl, "inspect", str(artifact)],
        "golfctl inspect --json": [*golfctl, "inspect", str(artifact), "--json"],
    }


def measure(table: dict[str, list[str]], repeats: int) -> dict[str, float]:
    """Median wall seconds of each command; one round runs them all once, the first round is thrown away."""
    seconds: dict[str, list[float]] = {name: [] for name in table}
    for turn in range(repeats + 1):
        for name, command in table.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from golfctl.core.machine.environment import describe_environment

    with tempfile.TemporaryDirectory() as folder:
        medians = measure(commands(Path(folder)), options.repeats)
    base = medians["import click, numpy"]
    result = {
        "bar": BAR,
        "repeats": options.repeats,
        "median_seconds": {name: round(value, 4) for name, value in medians.items()},
        "ratio": {name: round(value / base, 3) for name, value in medians.items()},
        "environment": describe_environment(),
    }
    text = json.dumps(result, indent=2, sort_keys=True)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    return 0 if max(result["ratio"].values()) < BAR else 1


if __name__ == "__main__":
    sys.exit(main())
