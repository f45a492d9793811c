"""Sliding windows beside the program of PR #549, both eager and with its own compilation; projected to 8 GPUs."""

from typing import Any

from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.programs import benchmark, document, recipe
from benchmarks.gpu.report import Report

VALIDATION_TOKENS = 62_021_632  # the challenge's validation text, as the record's logs count it
GPUS = 8
NATS = {"float32": 1e-3, "bfloat16": 2e-2}  # that the two sides' mean losses may be apart
WINDOWS, DRY_WINDOWS = 32, 2


def run(options: Options, report: Report) -> None:
    main: dict[str, float] = {}
    for name, extra in (("both eager", ()), ("theirs compiled", ("--peer-compiles",))):
        if options.dry and extra:
            report.absent(name, "in the dry form; the compiled part compiles")
            continue
        with report.attempt(name):
            found = beside(options, "sliding", *extra)
            report.figure(name, found | {"projected": projected(found)})
            same_work(report, name, found, options)
            main |= {f"{name}: ratio": found["ratio"], f"{name}: ours, {GPUS} GPUs, s": projected(found)["ours_s"]}
    report.figure("main", main)


def beside(options: Options, part: str, *extra: str) -> dict[str, Any]:
    """Figures of one part of `benchmarks/evaluation.py`."""
    words = ["--peer", options.peer, "--recipe", recipe(options), "--device", options.device, *extra]
    if options.dry:
        words += ["--seq-len", "128", "--windows", str(DRY_WINDOWS), "--repeats", "1", "--tokens", "4000"]
    else:
        words += ["--seq-len", "2048", "--windows", str(WINDOWS), "--repeats", "7", "--dtype", "bfloat16"]
    return document(benchmark("evaluation", part, *words))["results"][part]


def same_work(report: Report, name: str, found: dict[str, Any], options: Options) -> None:
    """A ratio means something when both sides score the same rows alike."""
    apart = abs(found["ours_nats"] - found["reference_nats"])
    report.at_most(f"{name}: nats, ours and theirs", apart, NATS[found["dtype"]])


def projected(found: dict[str, Any]) -> dict[str, float]:
    """Seconds of the whole validation text, windows shared out evenly over the GPUs, and nothing lost on the way."""
    share = VALIDATION_TOKENS / found["rows"] / GPUS
    return {f"{side}_s": round(found[f"{side}_s"] * share, 1) for side in ("ours", "reference")}
