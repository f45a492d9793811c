"""`golfctl train` by itself, as anybody types it: tokens per second, MFU, phases; and whether it repeats itself."""

import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.programs import data_of, golfctl, program, recipe, torchrun
from benchmarks.gpu.report import Report
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.training.run.run_folders import latest_checkpoint, run_records

STEPS, DRY_STEPS = 40, 2
SMALL = Path("examples", "pr549-mini.toml")
QUIET = ("--quiet", "--set", "train.node_benchmark_seconds=0", "--set", "train.checkpoint_seconds=100000",
         "--set", "train.held_out_tokens=0")  # fmt: skip
DRY = ("--set", "train.batch_tokens=512")


def run(options: Options, report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = speed(options, Path(folder, "speed"), 1)
        report.figure("speed", figures)
        report.holds("the loss is finite", figures["loss"] is not None)
        report.figure("repeated", repeated(options, Path(folder)))
    main = {"tokens/s": figures["tokens_per_second"], "MFU": figures["mfu"], "loss": figures["loss"]}
    report.figure("main", main | {"bit-equal when repeated": report.figures["repeated"]["bit_equal"]})


def speed(options: Options, out: Path, ranks: int) -> dict[str, Any]:
    """Train the recipe of PR #549 for some steps; what the journal says of it."""
    steps = DRY_STEPS if options.dry else STEPS
    words = golfctl("train", recipe(options), "--data", data_of(options), "--out", out, "--steps", str(steps),
                    "--device", options.device, *((*QUIET[:1], *QUIET[-2:], *DRY) if options.dry else ()))  # fmt: skip
    program(words if ranks == 1 else torchrun(ranks, words))
    start, end = run_records(out, "train.start")[-1], run_records(out, "train.end")[-1]
    seconds = sum(end["phase_seconds"].values())  # of the steps, without the checkpoints between them
    return {
        "ranks": ranks,
        "steps": end["step"],
        "tokens_per_second": end["tokens"] / seconds,
        "mfu": end["mfu"],
        "mfu_basis": end["mfu_basis"],
        "milliseconds_per_step": {k: round(1000 * s / end["step"], 2) for k, s in end["phase_seconds"].items()},
        "warmup_seconds": end["warmup_seconds"],
        "micro_sequences": start["micro_sequences"],
        "dtype": start["dtype"],
        "node": start["node"],
        "loss": end["loss"],
    }


def small(options: Options, out: Path, ranks: int, *changes: str) -> dict[str, torch.Tensor]:
    """Weights after some steps of the small recipe; the same batches for any number of ranks."""
    words = golfctl("train", SMALL, "--data", data_of(options), "--out", out, "--device", options.device, "--steps",
                    str(DRY_STEPS if options.dry else STEPS // 2), *QUIET, *changes,
                    *(DRY if options.dry else ()))  # fmt: skip
    program(words if ranks == 1 else torchrun(ranks, words))
    return read_checkpoint(latest_checkpoint(out)).tensors


def repeated(options: Options, folder: Path) -> dict[str, Any]:
    """The small recipe twice. A GPU adds up in no fixed order, so a difference is a figure and not a fault."""
    one, two = (small(options, folder / f"repeat{number}", 1) for number in range(2))
    return {"bit_equal": all(torch.equal(one[name], two[name]) for name in one), "largest": apart(one, two)}


def apart(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> float:
    """The largest relative Frobenius norm of a difference, over the tensors."""
    return max(float((two[name] - t).norm() / t.norm().clamp_min(1e-30)) for name, t in one.items())
