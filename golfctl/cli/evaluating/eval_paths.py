"""Which artifact is scored on which data, and which files may be written: for every command that evaluates."""

from pathlib import Path

from golfctl.cli.views.terminal import tell
from golfctl.core.machine.places import check_output
from golfctl.errors import InputError, UsageError


def resolve_paths(source: Path | None, data: Path | None) -> tuple[Path | None, Path, Path]:
    """The run (if any), the artifact or checkpoint, and the dataset; what was chosen is said on stderr."""
    from golfctl.training.run.run_folders import (
        RunFolder,
        chosen,
        is_run,
        latest_run,
        run_data,
        run_of,
        trained_or_packed,
    )

    if source is None:
        source = latest_run(steps=trained_or_packed)
        tell(f"run: {chosen(source)}")
    if is_run(source):
        run: Path | None = source
        source = RunFolder(source).artifact
        if not source.exists():
            raise InputError(f"{run} has no {source.name} yet: make one with `golfctl pack`, or name a checkpoint")
        tell(f"artifact: {source}")
    else:
        run = run_of(source)
        if not source.exists():
            raise InputError(f"no such file: {source}")
    if data is None:
        if run is None:
            raise InputError(f"{source} lies in no run folder: name its dataset with --data DIR")
        data = run_data(run)
        tell(f"data: {data}")
    return run, source, data


def check_outputs(source: Path, outputs: dict[str, Path | None]) -> None:
    """Refuse, before any scoring, to write over `source`, over another output or where no file can be.

    `outputs` maps a flag to its path. Raises UsageError.
    """
    taken = {source.resolve(): "the file that is scored"}
    for flag, path in outputs.items():
        if path is None:
            continue
        if path.resolve() in taken:
            raise UsageError(f"{flag} {path}: that is {taken[path.resolve()]}; name another file")
        if path.exists() and not path.is_file():
            raise UsageError(f"{flag} {path}: that is no file; name a file to write")
        check_output(path)
        taken[path.resolve()] = f"also the file of {flag}"
