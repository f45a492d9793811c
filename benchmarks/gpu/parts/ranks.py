"""Training on several ranks: the weights of one rank in float32, and speed on all GPUs against one."""

import tempfile
from pathlib import Path

import torch

from benchmarks.gpu import record
from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.train import apart, small, speed
from benchmarks.gpu.report import Report

TOLERANCE = 2e-4  # relative Frobenius norm per tensor, as between gloo ranks on CPUs
EXACT = ("--set", "train.dtype=float32", "--set", "train.muon.compute=parameter", "--set", "train.muon.wire=parameter")


def run(options: Options, report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        alone = small(options, Path(folder, "1"), 1, *EXACT)
        for ranks in worlds(options):
            with report.attempt(f"{ranks} ranks"):
                together = small(options, Path(folder, str(ranks)), ranks, *EXACT)
                report.at_most(f"weights of {ranks} ranks and of one", apart(alone, together), TOLERANCE)
        figures = speed(options, Path(folder, "speed"), worlds(options)[-1])
    report.figure("speed", figures)
    main = {"ranks": figures["ranks"], "tokens/s": figures["tokens_per_second"], "MFU": figures["mfu"]}
    if one := tokens_per_second_of_one(options):
        main["times one rank's"] = figures["tokens_per_second"] / one
    report.figure("main", main)


def worlds(options: Options) -> list[int]:
    """Two ranks, four, eight, as far as there are GPUs; and all of them."""
    count = 2 if options.dry else torch.cuda.device_count()
    return sorted({ranks for ranks in (2, 4, 8) if ranks <= count} | {count})


def tokens_per_second_of_one(options: Options) -> float | None:
    """What the part `train` measured on this machine, if it did."""
    before = record.read(options.out, "train")
    return before["figures"].get("speed", {}).get("tokens_per_second") if before else None
