"""Which artifact a command works with: the file given, or that of the run folder given, or of the latest run."""

from pathlib import Path

from golfctl.cli.views.terminal import tell
from golfctl.errors import InputError


def find_artifact(given: Path | None, doing: str) -> Path:
    """The path of the artifact; what was chosen is said on stderr, after `doing`.

    Raises:
        InputError: the run has none yet, or there is no run.
    """
    if given is not None and not given.is_dir():
        return given
    from golfctl.training.run.run_folders import RunFolder, chosen, latest_run, trained_or_packed

    run = given or latest_run(steps=trained_or_packed)
    path = RunFolder(run).artifact
    whose = f", the artifact of the latest run, {chosen(run)}" if given is None else ""
    tell(f"{doing} {path}{whose}")
    if not path.is_file():
        raise InputError(f"{path} is not there yet: `golfctl pack` makes it")
    return path
