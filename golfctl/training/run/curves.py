"""The curves of runs, from their journals, and how to draw them. matplotlib is imported only when drawing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from golfctl.core.files import atomic_writer
from golfctl.core.machine.libraries import need
from golfctl.core.text import in_figure
from golfctl.errors import CheckpointError, UsageError
from golfctl.training.run.run_folders import run_records

PANELS = (
    ("loss", "training loss (nats per token)"),
    ("tokens_per_second", "tokens per second"),
    ("lr_scale", "learning-rate scale"),
)
FORMATS = (".png", ".svg")
_FEW = 10  # records whose points are marked


class Curve(NamedTuple):
    """The log records of one run; `column` gives one quantity."""

    name: str
    records: list[dict[str, Any]]

    def column(self, key: str) -> list[float]:
        """Values of `key`, record by record."""
        return [float(record[key]) for record in self.records]


def read_curve(run: Path) -> Curve:
    """A run's log; after a resume, records of steps that were taken again replace the first ones.

    Raises:
        InputError: no such run. CheckpointError: it has no log records.
    """
    by_step = {int(record["step"]): record for record in run_records(run, "train.log")}
    if not by_step:
        raise CheckpointError(f"{run} has no log records yet: it ended before its first step")
    return Curve(Path(run).resolve().name, [by_step[step] for step in sorted(by_step)])


def read_curves(runs: Sequence[Path]) -> list[Curve]:
    """The logs of several runs; those whose folders have one name are told apart by their paths."""
    curves = [read_curve(run) for run in runs]
    names = [curve.name for curve in curves]
    return [
        curve._replace(name=str(run)) if names.count(curve.name) > 1 else curve
        for run, curve in zip(runs, curves, strict=True)
    ]


def draw(curves: list[Curve], path: Path, axis: str = "step") -> None:
    """Draw loss, rate and schedule of all curves over `axis` (step, seconds or tokens) into a PNG or SVG file.

    Raises:
        UsageError: another kind of file. DependencyError: matplotlib is missing. StorageError: the disk refuses.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: plots are written as {' or '.join(FORMATS)}")
    need("drawing curves", "matplotlib")
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 9.0), layout="constrained")
    axes = figure.subplots(len(PANELS), 1, sharex=True)
    for ax, (key, label) in zip(axes, PANELS, strict=True):
        for curve in curves:
            marker = "." if len(curve.records) < _FEW else ""
            ax.plot(curve.column(axis), curve.column(key), label=in_figure(curve.name), linewidth=1.0, marker=marker)
        ax.set_ylabel(label)
        ax.grid(visible=True, alpha=0.3)
    axes[0].legend()
    axes[-1].set_xlabel(axis)
    kind = path.suffix.lower().removeprefix(".")
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": "golfctl"}), atomic_writer(path) as stream:
        figure.savefig(stream, format=kind, metadata=metadata)
