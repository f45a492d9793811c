"""The loss as one compiled graph, as training runs it: the same numbers as the CPU's.

In the dry form the graph is traced and run as it is: code made for a CPU says nothing of a GPU's, and takes minutes.
"""

import os
import time

import torch

from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.cases import Case, compare, from_files, from_recipes, numbers
from benchmarks.gpu.parts.paths import Path, precise
from benchmarks.gpu.report import Report

BOTH = (torch.float32, torch.bfloat16)
WANTED = {
    "recipe pr549": BOTH,
    "recipe pr1855-mini": BOTH,
    "model_pr549": BOTH[:1],
    "model_pr761": BOTH[:1],
    "model_pr1493": BOTH[:1],
    "model_pr1855": BOTH[:1],
}
"""Cases and dtypes, in this order: a graph takes half a minute, and the first ones matter most."""
DRY = {"model_pr549": BOTH[:1]}


def run(options: Options, report: Report) -> None:
    report.figure("flags", precise())
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(min(16, os.cpu_count() or 1)))
    cases = {case.name: case for case in [*from_files(options, report), *from_recipes(options)]}
    wanted, seconds = DRY if options.dry else WANTED, {}
    for case, path in [(cases[name], path) for name in wanted if name in cases for path in paths(cases[name], wanted)]:
        if reason := path.absent(options.device, case.spec.attention.documents):
            report.absent(path.name, reason)
            continue
        start = time.monotonic()
        one(report, case, path, options)
        seconds[f"{case.name}, {path.name}"] = round(time.monotonic() - start, 1)
        report.figure("seconds", seconds)
    report.figure("main", {"graphs": len(seconds), "longest_s": max(seconds.values())})


def paths(case: Case, wanted: dict[str, tuple[torch.dtype, ...]]) -> list[Path]:
    """What training takes; where a recipe has documents, the kernels for them by name."""
    chosen = [Path("auto", dtype) for dtype in wanted[case.name]]
    if case.spec.attention.documents and torch.bfloat16 in wanted[case.name]:
        chosen += [Path("varlen", torch.bfloat16), Path("fa3", torch.bfloat16)]
    return chosen


def one(report: Report, case: Case, path: Path, options: Options) -> None:
    name = f"{case.name}, {path.name}, compiled"
    with report.attempt(name):
        torch._dynamo.reset()
        model = case.model(options.device, path.dtype, path.backend)
        found = numbers(case, model, options.device, "aot_eager" if options.dry else "inductor")
        compare(report, name, case, found, path.dtype)
