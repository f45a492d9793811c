"""Score-first TTT beside the program of PR #549: a chunk scored and trained on; projected to 8 GPUs.

The same chunk without training gives the seconds of scoring, the rest is training. Projections bracket the truth: with
training shared out perfectly, and not at all.
"""

from typing import Any

from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.sliding_beside import GPUS, VALIDATION_TOKENS, beside, same_work
from benchmarks.gpu.report import Report

CHUNK, DRY_CHUNK = 32_768, 256


def run(options: Options, report: Report) -> None:
    chunk = ("--chunk", str(DRY_CHUNK if options.dry else CHUNK))
    whole, scoring = beside(options, "ttt", *chunk), beside(options, "ttt", *chunk, "--epochs", "0")
    report.figure("scored and trained on", whole)
    report.figure("scored alone", scoring)
    same_work(report, "scored and trained on", whole, options)
    same_work(report, "scored alone", scoring, options)
    found = {side: projected(whole, scoring, side) for side in ("ours", "reference")}
    report.figure("projected", found)
    ours = found["ours"]
    report.figure("main", {
        "ratio": whole["ratio"],
        f"ours, {GPUS} GPUs, s": f"{ours['training_shared_s']:.0f} to {ours['training_on_each_s']:.0f}",
    })  # fmt: skip


def projected(whole: dict[str, Any], scoring: dict[str, Any], side: str) -> dict[str, float]:
    """Seconds of the whole validation text on the GPUs."""
    chunks = VALIDATION_TOKENS / whole["rows"]
    score_s = scoring[f"{side}_s"]
    train_s = max(0.0, whole[f"{side}_s"] - score_s)
    return {
        "training_shared_s": round(chunks * (score_s + train_s) / GPUS, 1),
        "training_on_each_s": round(chunks * (score_s / GPUS + train_s), 1),
    }
