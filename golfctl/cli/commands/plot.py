"""`golfctl plot`: the curves of one or several runs in one picture."""

from pathlib import Path

import click

from golfctl.cli.options import needs, quiet_option, writes
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.terminal import echo
from golfctl.core.text import one_line


@click.command("plot", short_help="Draw loss, rate and schedule curves of runs.")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="PNG or SVG file; default: RUN/curves.svg.")
@click.option("--over", type=click.Choice(["step", "seconds", "tokens"]), default="step", show_default=True)
@quiet_option
@needs("matplotlib")
@writes("out")
def command(runs: tuple[Path, ...], out: Path | None, over: str, quiet: bool) -> None:
    """Overlay the training curves of RUNS (default: the latest run) and write a PNG or SVG file."""
    from golfctl.training.run.curves import draw, read_curves
    from golfctl.training.run.run_folders import RunFolder, chosen, latest_run, logged_steps

    progress = reporter(quiet)
    if not runs:
        runs = (latest_run(steps=logged_steps),)
        progress.say(f"plotting the latest run: {chosen(runs[0])}")
    out = out or RunFolder(runs[0]).path / "curves.svg"
    draw(read_curves(runs), out, over)
    echo(one_line(str(out)))
