"""`golfctl recipe`: list, print and copy the recipes that come with golfctl."""

from dataclasses import asdict
from pathlib import Path

import click

from golfctl.cli.options import json_option
from golfctl.cli.views.render import emit_json, table
from golfctl.cli.views.terminal import echo, echo_bytes
from golfctl.core.text import one_line
from golfctl.errors import UsageError


@click.group("recipe")
def command() -> None:
    """Recipes that come with golfctl: list them, print one, copy one to a file of your own.

    Wherever a command takes a recipe, it takes one of these names in place of a file; a file of that very name comes
    first.
    """


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List all recipes: what each is for (train or eval), its parameters, and the size its artifact is to have."""
    from golfctl.core.packaged import recipe_facts, recipe_names

    recipes = sorted((recipe_facts(name) for name in recipe_names()), key=lambda recipe: recipe.kind, reverse=True)
    if as_json:
        emit_json({"recipes": [asdict(recipe) for recipe in recipes]})
        return
    header = ("name", "for", "parameters", "target bytes", "what it is")
    rows = [
        (recipe.name, recipe.kind, _number(recipe.parameters), _number(recipe.target_bytes), recipe.description)
        for recipe in recipes
    ]
    echo(table(header, rows))


@command.command("show")
@click.argument("name")
def show_command(name: str) -> None:
    """Print the recipe NAME, byte for byte.

    Example: golfctl recipe show pr549-mini
    """
    from golfctl.core.packaged import recipe_text

    echo_bytes(recipe_text(name))


@command.command("init")
@click.argument("name")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="File to write  [default: NAME.toml]")
@click.option("--force", is_flag=True, help="Write over the file if it is there.")
def init_command(name: str, out: Path | None, force: bool) -> None:
    """Write the recipe NAME to a file, to change it.

    Example: golfctl recipe init pr549-mini -o mine.toml && golfctl train mine.toml
    """
    from golfctl.core.files import atomic_write
    from golfctl.core.packaged import recipe_text

    text = recipe_text(name)
    out = out or Path(f"{name}.toml")
    if out.exists() and not force:
        raise UsageError(f"{out} exists already; name another file with -o, or pass --force")
    atomic_write(out, text)
    echo(one_line(f"wrote {out}"))


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
