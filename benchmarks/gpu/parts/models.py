"""Every path, eager: models of the parity files and of recipes, forward and backward."""

from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.cases import Case, compare, from_files, from_recipes, numbers
from benchmarks.gpu.parts.paths import NotHere, Path, all_paths, precise
from benchmarks.gpu.report import Report


def run(options: Options, report: Report) -> None:
    report.figure("flags", precise())
    count = 0
    for case in [*from_files(options, report), *from_recipes(options)]:
        count += 1
        for path in all_paths():
            one(report, case, path, options.device)
    report.figure("main", {"models": count, "paths": len(all_paths())})


def one(report: Report, case: Case, path: Path, device: str) -> None:
    """One model on one path, every number it has."""
    name = f"{case.name}, {path.name}"
    if reason := path.absent(device, case.spec.attention.documents):
        report.absent(path.name, reason)
        return
    with report.attempt(name):
        try:
            with path.chosen():
                found = numbers(case, case.model(device, path.dtype, path.backend), device)
        except NotHere as reason:
            report.absent(path.name, f"{reason} (heads of {case.spec.head_dim})")
            return
        compare(report, name, case, found, path.dtype)
