"""One part in a process of its own: `python -m benchmarks.gpu.child PART FINDINGS OPTIONS...`."""

import importlib
import sys
from pathlib import Path

from benchmarks.gpu.options import read
from benchmarks.gpu.report import Report
from benchmarks.gpu.table import PARTS


def main(words: list[str]) -> int:
    name, findings, *rest = words
    part = next(part for part in PARTS if part.name == name)
    report = Report(Path(findings))
    with report.attempt(name):
        importlib.import_module(f"benchmarks.gpu.parts.{part.module}").run(
            read(rest, tuple(part.name for part in PARTS)), report
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
