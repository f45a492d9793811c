"""`golfctl quickstart`: the whole chain, as the very commands a user would type, one after the other."""

import itertools
import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from golfctl.cli.options import Finite, needs
from golfctl.cli.views.terminal import tell


def _steps(run: Path, seconds: float) -> list[list[str]]:
    """The commands of the chain; each could be typed by hand."""
    artifact = str(run / "model.golf")
    return [
        ["train", "--out", str(run), "--seconds", f"{seconds:g}"],
        ["pack", str(run), "--bits", "6", "--lzma", "9"],
        ["inspect", artifact],
        ["eval", artifact, "--baselines", "--report", str(run / "eval.json")],
        ["audit", artifact],
        ["generate", artifact, "--tokens", "60"],
    ]


def _new_run() -> Path:
    from golfctl.training.run.run_folders import numbered_run

    return next(run for n in itertools.count(1) if not (run := numbered_run("quickstart", n)).exists())


def _run(arguments: Sequence[str]) -> int:
    from golfctl.cli.main import exit_code_of

    tell("")
    tell(f"$ golfctl {shlex.join(arguments)}", bold=True)
    return exit_code_of(list(arguments))


@click.command("quickstart")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder  [default: a new one, runs/quickstart, -2, …]")
@click.option("--seconds", type=Finite(min=1), default=90.0, show_default=True, help="Training clock.")
@click.pass_context
@needs("torch", "sentencepiece", "numba")
def command(ctx: click.Context, out: Path | None, seconds: float) -> None:
    """Train, pack, inspect, evaluate and audit a small model on text from your own Python installation.

    It ends with a few lines that the model writes. Prints each command before running it and stops at the first that
    fails, with that command's exit code.

    Example: golfctl quickstart
    """
    run = out or _new_run()
    for arguments in _steps(run, seconds):
        code = _run(arguments)
        if code:
            ctx.exit(code)
    artifact = shlex.quote(str(run / "model.golf"))
    tell(f"more of it: golfctl generate {artifact} --seed 1, or --prompt 'The following example' --tokens 300")
