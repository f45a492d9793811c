"""Training steps beside the program of PR #549: `benchmarks/train.py` with the record's own micro-batches."""

from typing import Any

from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.programs import benchmark, data_of, document, recipe
from benchmarks.gpu.report import Report

MICRO_TOKENS = (98_304, 49_152, 24_576)  # the record's on any number of GPUs, then smaller where memory is short
LOSS_STEPS = 40
FIRST_LOSS, LAST_LOSS = 0.02, 0.1  # nats that the two sides may be apart: before the first step, at the end
DRY = ("--set", "train.batch_tokens=512", "--repeats", "2")


def run(options: Options, report: Report) -> None:
    found = measure(options, report)
    report.figure("result", found)
    first = found["first_losses"]
    report.at_most("first loss, ours and theirs", abs(first["ours"] - first["reference"]), FIRST_LOSS)
    if "loss" in found:
        report.at_most("loss at equal tokens, ours and theirs", abs(found["loss"]["mean"]), LAST_LOSS)
    speed = found["speed"]
    main = {"ratio": speed["ratio_median"]}
    main |= {f"{side} tokens/s": speed["tokens_per_second"][side] for side in ("ours", "reference")}
    report.figure("main", main | {f"{side} MFU": found["mfu"][side] for side in ("ours", "reference")})


def measure(options: Options, report: Report) -> dict[str, Any]:
    """The benchmark's document; micro-batches are halved, and that is said, while memory does not suffice."""
    words = ["--peer", options.peer, "--data", data_of(options), "--recipe", recipe(options)]
    if options.dry:
        return document(benchmark("train", *words, *DRY))
    words += ["--device", "cuda", "--dtype", "bfloat16", "--compile", "--loss-steps", str(LOSS_STEPS)]
    for micro in MICRO_TOKENS:
        try:
            return document(benchmark("train", *words, "--set", f"train.micro_batch_tokens={micro}"))
        except RuntimeError as error:
            if "OutOfMemory" not in str(error) or micro == MICRO_TOKENS[-1]:
                raise
            report.absent(f"micro-batches of {micro} tokens", "both sides together ran out of memory: halved")
    raise AssertionError("the last size either returns or raises")
