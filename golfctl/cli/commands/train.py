"""`golfctl train`: from a recipe, or from nothing, to a run folder."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from golfctl.cli.options import Finite, device_option, json_option, needs, quiet_option, set_option
from golfctl.cli.views.bars import give_up, reporter
from golfctl.cli.views.render import emit_json, table
from golfctl.cli.views.terminal import echo
from golfctl.core.machine.allocator import keep_freed_memory
from golfctl.core.machine.places import check_place
from golfctl.core.machine.variables import launched
from golfctl.core.progress import Progress
from golfctl.core.text import one_line
from golfctl.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from golfctl.core.recipe import Recipe
    from golfctl.training.forecast import Forecast
    from golfctl.training.train import TrainResult

_QUICKSTART = "quickstart"
_SECONDS = Finite(min=0, min_open=True, max=1e9)
_PRICE = Finite(min=0, max=1e9)


@click.command("train", short_help="Train a model from a TOML recipe.")
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path), help="Dataset folder; default: the recipe's, or the embedded corpus."
)
@set_option
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; default: runs/NAME.")
@click.option("--resume", is_flag=True, help="Continue a run: --out, or the latest under runs/.")
@click.option("--seconds", type=_SECONDS, help="Budget in seconds of training clock.")
@click.option("--steps", type=click.IntRange(min=1), help="Budget in optimizer steps.")
@click.option("--seed", type=click.IntRange(min=0), help="Short for --set train.seed=N.")
@click.option(
    "--dry-run", is_flag=True, help="Measure a short while; print time, memory and size of the run; train nothing."
)
@click.option("--price-per-hour", type=_PRICE, metavar="X", help="With --dry-run: what an hour of this machine costs.")
@device_option
@json_option
@quiet_option
@needs("torch", "sentencepiece", "numba")
def command(
    recipe: Path | None,
    data: Path | None,
    overrides: tuple[str, ...],
    out: Path | None,
    resume: bool,
    seconds: float | None,
    steps: int | None,
    seed: int | None,
    dry_run: bool,
    price_per_hour: float | None,
    device: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a model as RECIPE says (default: a small model on the embedded corpus) and write a run folder.

    RECIPE is a file, or the name of a recipe that comes with golfctl (`golfctl recipe list`); a file of that very name
    comes first.

    Runs on CPU, one GPU, or under torchrun. SIGINT, SIGTERM and SIGHUP save the state and exit with 130.
    """
    first = launched().rank == 0
    progress = reporter(quiet or not first)
    _check_price(price_per_hour, dry_run)
    name = _QUICKSTART
    if resume:
        _refuse_with_resume(recipe, overrides, seconds, steps, dry_run)
        out = _resumed(out, progress)
        chosen = _own_recipe(out, seed)
    else:
        chosen, name = _recipe(recipe, [*overrides, *_shorthands(seconds, steps, seed)], progress)
        if not dry_run:
            _check_out(out, name)
    folder = _dataset(chosen, data, out if resume else None, progress)
    if dry_run:
        from golfctl.training.forecast import forecast

        found = forecast(chosen, folder, device, price_per_hour, progress, give_up)
        if first:
            _print_forecast(found, as_json)
        return
    from golfctl.training.train import train

    keep_freed_memory()
    result = train(chosen, folder, out, name=name, resume=resume, device=device, progress=progress, give_up=give_up)
    if first:
        _print_result(result, as_json)


def _check_out(out: Path | None, name: str) -> None:
    """Now, and not after the data is made."""
    from golfctl.training.run.claim import check_out
    from golfctl.training.run.run_folders import numbered_run

    if out is None:
        check_place(numbered_run(name, 1))
    else:
        check_out(out, resume=False)


def _check_price(price_per_hour: float | None, dry_run: bool) -> None:
    if price_per_hour is not None and not dry_run:
        raise UsageError("--price-per-hour has no effect on a run: add --dry-run")


def _refuse_with_resume(
    recipe: Path | None, overrides: tuple[str, ...], seconds: float | None, steps: int | None, dry_run: bool
) -> None:
    given = {"RECIPE": recipe, "--set": overrides, "--seconds": seconds, "--steps": steps, "--dry-run": dry_run}
    wrong = [name for name, value in given.items() if value]
    if wrong:
        raise UsageError(f"--resume continues a run under its own recipe; it cannot be given with {', '.join(wrong)}")


def _own_recipe(run: Path, seed: int | None) -> "Recipe":
    """The recipe of the run to resume, whose seed is the only one."""
    from golfctl.core.recipe import Recipe

    recipe = Recipe.load(run / "recipe.toml")
    own = recipe.tables.get("train", {}).get("seed")  # a run's recipe is written with its defaults
    if seed not in (None, own):
        raise UsageError(f"--seed {seed}: {run} was begun with seed {own}, and --resume goes on with it: leave it out")
    return recipe


def _resumed(out: Path | None, progress: Progress) -> Path:
    from golfctl.training.run.run_folders import chosen, run_to_resume

    if out is None:
        out = run_to_resume()
        progress.say(f"resuming the latest run: {chosen(out)}")
    else:
        progress.say(f"resuming {out}")
    return out


def _shorthands(seconds: float | None, steps: int | None, seed: int | None) -> list[str]:
    """The options that are short for --set, as overrides; of the budgets one replaces the other in the recipe."""
    if seconds is not None and steps is not None:
        raise UsageError("--seconds and --steps are two budgets: give one")
    given = {"seconds": seconds, "steps": steps, "seed": seed}
    return [f"train.{key}={value}" for key, value in given.items() if value is not None]


def _recipe(word: Path | None, overrides: list[str], progress: Progress) -> "tuple[Recipe, str]":
    """The recipe and the name of its runs; without a word, the packaged quickstart."""
    from golfctl.core.config import apply_overrides
    from golfctl.core.packaged import find_recipe, packaged_recipe
    from golfctl.core.recipe import Recipe

    if word is None:
        progress.say("recipe: none given, so the quickstart model")
        found, name = packaged_recipe(_QUICKSTART), _QUICKSTART
    else:
        found, name = find_recipe(word, progress), word.stem
    if found.only_evaluates:
        raise ConfigError(f"{found.where} only evaluates: score with it, `golfctl eval --recipe {word}`")
    assigned = [override.partition("=")[0].strip() for override in overrides]
    if twice := sorted({key for key in assigned if assigned.count(key) > 1}):
        raise UsageError(f"{', '.join(twice)} is given twice on the command line: give it once")
    for mine, other in (("train.seconds", "steps"), ("train.steps", "seconds")):
        if mine in assigned and f"train.{other}" not in assigned:
            found.tables.get("train", {}).pop(other, None)
    return Recipe(apply_overrides(found.tables, overrides), found.where), name


def _dataset(recipe: "Recipe", data: Path | None, resumed: Path | None, progress: Progress) -> Path:
    """--data, else the recipe's data.path, else the resumed run's, else the embedded corpus; the choice is said."""
    from golfctl.data.config import DataConfig

    if data is not None:
        return data
    if path := recipe.read("data", DataConfig).path:
        return Path(path)
    if resumed is not None:
        from golfctl.training.run.run_folders import run_data

        return run_data(resumed)
    from golfctl.data.text.embedded import embedded_dataset
    from golfctl.data.tokenizers.training import MIN_VOCABULARY
    from golfctl.model.spec import ModelSpec

    vocab_size = recipe.read("model", ModelSpec).vocab_size
    if vocab_size < MIN_VOCABULARY:
        raise ConfigError(
            f"{recipe.where} [model] vocab_size = {vocab_size}, but the embedded corpus has at least {MIN_VOCABULARY} "
            "pieces: leave vocab_size out, or name other data with --data"
        )
    folder = embedded_dataset(progress, vocab_size)
    progress.say(f"no --data given: training on the embedded corpus, {folder}")
    return folder


def _print_result(result: "TrainResult", as_json: bool) -> None:
    held_out = result.held_out
    if as_json:
        facts = {**asdict(result), "run": str(result.run), "checkpoint": str(result.checkpoint)}
        emit_json({**facts, "held_out": held_out._asdict() if held_out else None})
        return
    clocks = f"{result.seconds:.1f} s of training clock, after {result.warmup_seconds:.1f} s of preparation"
    echo(f"{result.step:,} steps, {result.tokens:,} tokens in {clocks}")
    if held_out:
        billed = "-" if held_out.bpb_billed is None else f"about {held_out.bpb_billed:.3f}"
        echo(
            f"held-out loss {held_out.loss:.4f} nats per token, {billed} bits per billed byte "
            f"({held_out.tokens:,} tokens in plain windows; `golfctl eval` gives the score)"
        )
    echo(f"MFU {result.mfu:.1%} of {result.mfu_basis}" if result.mfu is not None else f"no MFU: {result.mfu_basis}")
    echo(one_line(str(result.checkpoint)))


def _print_forecast(found: "Forecast", as_json: bool) -> None:
    if as_json:
        emit_json(found.to_dict())
        return
    echo(table(("what", "value"), found.rows()))
