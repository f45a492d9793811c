"""From flags and a recipe to the `[eval]` table, with where each of its values came from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from golfctl.cli.stack_options import StackFlags
from golfctl.core.config import apply_overrides
from golfctl.core.origins import Layer
from golfctl.core.packaged import find_recipe
from golfctl.core.progress import Progress
from golfctl.core.recipe import Recipe
from golfctl.scoring.config import EvalConfig


class Stack(NamedTuple):
    """What is evaluated, and the layers that it was laid together from: recipe, then flags."""

    config: EvalConfig
    layers: tuple[Layer, ...]


def stack_config(run: Path | None, flags: StackFlags, progress: Progress, **more: Any) -> Stack:
    """The `[eval]` table of the recipe (given, or the run's own), with `--set` over it and the flags on top.

    `more` are values of the table that only some commands have flags for; None and False where one was not given.
    """
    from golfctl.training.run.run_folders import RunFolder

    if flags.recipe:
        recipe = find_recipe(flags.recipe, progress)
    else:
        recipe = Recipe.load(RunFolder(run).recipe) if run else Recipe({}, "--set")
    overrides = in_eval(flags.overrides)
    stated = recipe.tables.get("eval", {})
    recipe = Recipe(apply_overrides(recipe.tables, overrides), recipe.where)
    table, typed = dict(recipe.tables.get("eval", {})), _typed(flags, more)
    for key, value in typed.items():
        table[key] = {**table.get(key, {}), **value} if isinstance(value, dict) else value
    layers = (
        Layer("recipe", stated),
        Layer("flag", eval_overrides(flags.overrides)),
        Layer("flag", typed),
    )
    return Stack(recipe.replace(eval=table).read("eval", EvalConfig), layers)


def in_eval(overrides: Sequence[str]) -> list[str]:
    """Values of `--set` by their full names: what has no table is one of `[eval]`."""
    return [text if text.startswith("eval.") else f"eval.{text}" for text in overrides]


def eval_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """The `[eval]` table that the values of `--set` alone make."""
    table: dict[str, Any] = apply_overrides({}, in_eval(overrides)).get("eval", {})
    return table


def _typed(flags: StackFlags, more: dict[str, Any]) -> dict[str, Any]:
    """What the flags state: values, and the tables of techniques that they switch on."""
    stated = {"stride": flags.stride, "seq_len": flags.seq_len, "batch": flags.batch, **more}
    stated |= {"rolling": flags.rolling, "allow_leaks": flags.allow_leaks}
    given = {key: value for key, value in stated.items() if value is not None and value is not False}
    if flags.ttt:
        given["ttt"] = {}
    if flags.calibrate:
        given["calibrate"] = {}
    if flags.slot_steps is not None:
        given["slot"] = {"steps": flags.slot_steps}
    if flags.ngram is not None:
        given["ngram"] = {"order": flags.ngram}
    return given
