"""From flags and a recipe to the `[eval]` table, with where each of its values came from."""

from pathlib import Path
from typing import Any, NamedTuple

from golfctl.cli.views.bars import reporter
from golfctl.core.config import apply_overrides
from golfctl.core.origins import Layer
from golfctl.core.packaged import find_recipe
from golfctl.core.recipe import Recipe
from golfctl.scoring.config import EvalConfig


class Stack(NamedTuple):
    """What is evaluated, and the layers that it was laid together from: recipe, then flags."""

    config: EvalConfig
    layers: tuple[Layer, ...]


def stack_config(run: Path | None, options: dict[str, Any]) -> Stack:
    """The `[eval]` table of the recipe (given, or the run's own), with `--set` over it and the flags on top."""
    from golfctl.training.run.run_folders import RunFolder

    if options["recipe"]:
        recipe = find_recipe(options["recipe"], reporter(options["quiet"]))
    else:
        recipe = Recipe.load(RunFolder(run).recipe) if run else Recipe({}, "--set")
    overrides = [text if text.startswith("eval.") else f"eval.{text}" for text in options["overrides"]]
    stated = recipe.tables.get("eval", {})
    recipe = Recipe(apply_overrides(recipe.tables, overrides), recipe.where)
    table, typed = dict(recipe.tables.get("eval", {})), _typed(options)
    for key, value in typed.items():
        table[key] = {**table.get(key, {}), **value} if isinstance(value, dict) else value
    layers = (
        Layer("recipe", stated),
        Layer("flag", apply_overrides({}, overrides).get("eval", {})),
        Layer("flag", typed),
    )
    return Stack(recipe.replace(eval=table).read("eval", EvalConfig), layers)


def _typed(options: dict[str, Any]) -> dict[str, Any]:
    """What the flags state: values, and the tables of techniques that they switch on."""
    given = {key: value for key in ("stride", "seq_len", "batch", "documents") if (value := options[key]) is not None}
    given |= {key: True for key in ("strict", "rolling", "allow_leaks") if options[key]}
    given |= {key: {} for key in ("ttt", "calibrate") if options[key]}
    if options["slot_steps"] is not None:
        given["slot"] = {"steps": options["slot_steps"]}
    if options["ngram"] is not None:
        given["ngram"] = {"order": options["ngram"]}
    return given
