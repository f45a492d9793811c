"""`golfctl eval` on several ranks: the score of one rank, in float32; and whether one rank repeats itself."""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.programs import data_of, document, golfctl, program, torchrun
from benchmarks.gpu.parts.ranks import worlds
from benchmarks.gpu.parts.train import small
from benchmarks.gpu.report import Report

BITS_PER_BYTE = 1e-6
STACKS = {"plain": (), "ttt": ("--ttt", "--set", "eval.ttt.chunk=2048")}
DRY = ("ttt",)


def run(options: Options, report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trained, artifact = Path(folder, "run"), Path(folder, "m.golf")
        small(options, trained, 1)
        program(golfctl("pack", trained, "-o", artifact, "--quiet", "--no-measure"))
        seconds = {name: stack(options, report, artifact, name) for name in (DRY if options.dry else STACKS)}
    report.figure("seconds", seconds)
    last = worlds(options)[-1]
    report.figure("main", {f"{name}: one rank's seconds over {last} ranks'": found[1] / found[last]
                           for name, found in seconds.items() if found.get(last)})  # fmt: skip


def stack(options: Options, report: Report, artifact: Path, name: str) -> dict[int, float]:
    """Seconds by number of ranks; every score is checked against one rank's."""
    alone = score(options, artifact, name, 1)
    again = alone if options.dry else score(options, artifact, name, 1)
    report.at_most(f"{name}: the same score twice", abs(again["val_bpb"] - alone["val_bpb"]), BITS_PER_BYTE)
    seconds = {1: alone["seconds"]["total"]}
    for ranks in worlds(options):
        with report.attempt(f"{name} on {ranks} ranks"):
            together = score(options, artifact, name, ranks)
            seconds[ranks] = together["seconds"]["total"]
            apart = abs(together["val_bpb"] - alone["val_bpb"])
            report.at_most(f"{name}: bpb of {ranks} ranks and of one", apart, BITS_PER_BYTE)
    return seconds


def score(options: Options, artifact: Path, name: str, ranks: int) -> dict[str, Any]:
    """The report of one evaluation; float32, so that only the order of sums differs."""
    report = artifact.with_name(f"{name}-{ranks}.json")
    words = golfctl("eval", artifact, "--data", data_of(options), "--device", options.device, "--quiet", "--json",
                    "--set", "eval.dtype=float32", "--report", report, *STACKS[name],
                    *(("--documents", "1") if options.dry else ()))  # fmt: skip
    return document(words if ranks == 1 else torchrun(ranks, words))
