"""The recipes that come with golfctl: their names, their texts, and how a word on a command line finds one.

One recipe is one file, `golfctl/recipes/NAME.toml`; those that only evaluate are called `eval/NAME`. The first line of
a file is a comment that says what the recipe is. In a recipe that trains, the second line gives the size of the model
and of the artifact it is meant to make: `# Parameters: 822,680. Target: 600,000 bytes.` They are written down so that a
list needs no torch; a test compares them with the model.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from golfctl.core.progress import Progress
from golfctl.core.recipe import Recipe
from golfctl.core.table import suggestion
from golfctl.errors import InputError

_FOLDER = resources.files("golfctl") / "recipes"
_SUFFIX = ".toml"
_SIZES = re.compile(r"# Parameters: ([\d,]+)\. Target: ([\d,]+) bytes\.")


@dataclass(frozen=True)
class RecipeFacts:
    """What a list says of one recipe."""

    name: str
    kind: str
    """`train`, or `eval`: an [eval] table and nothing to train."""
    description: str
    parameters: int | None
    target_bytes: int | None
    """Size that the packed artifact is meant to have."""


def recipe_names() -> list[str]:
    """Names of all recipes that come with golfctl, sorted."""
    return sorted(_names(_FOLDER, ""))


def recipe_text(name: str) -> bytes:
    """The file of the recipe called `name`, byte for byte.

    Raises:
        InputError: golfctl brings none of that name; the nearest one is given.
    """
    known = recipe_names()
    if name not in known:
        raise InputError(f"golfctl brings no recipe {name!r}{suggestion(name, known)}")
    return (_FOLDER / f"{name}{_SUFFIX}").read_bytes()


def recipe_facts(name: str) -> RecipeFacts:
    """What the recipe called `name` is, as its own first lines say; raises what `recipe_text` raises."""
    first, second, *_ = recipe_text(name).decode("utf-8").splitlines()
    sizes = _SIZES.match(second)
    parameters, target_bytes = (int(size.replace(",", "")) for size in sizes.groups()) if sizes else (None, None)
    kind = "eval" if packaged_recipe(name).only_evaluates else "train"
    return RecipeFacts(name, kind, first.removeprefix("#").strip(), parameters, target_bytes)


def packaged_recipe(name: str) -> Recipe:
    """The recipe called `name`; raises what `recipe_text` raises."""
    return Recipe(tomllib.loads(recipe_text(name).decode("utf-8")), f"recipe {name}")


def find_recipe(word: Path, progress: Progress) -> Recipe:
    """The recipe in the file `word`; where there is no such file, the packaged one of that name. The choice is said.

    Raises:
        InputError: neither; the nearest name is given. ConfigError: the file is no recipe.
    """
    name, known = str(word), recipe_names()
    if name not in known:
        return _from_file(word, known, progress)
    if word.is_file():
        progress.say(f"recipe: the file {word}; the packaged recipe of that name is not used")
        return Recipe.load(word)
    progress.say(f"recipe: {name}, which comes with golfctl")
    return packaged_recipe(name)


def _from_file(word: Path, known: list[str], progress: Progress) -> Recipe:
    """`Recipe.load`, with a hint at the packaged recipe that was meant when there is no such file."""
    try:
        found = Recipe.load(word)
        progress.say(f"recipe: {word}")
        return found
    except InputError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        name = str(word).removeprefix("examples/").removesuffix(_SUFFIX)
        if name not in known:
            raise InputError(f"{error}, and no packaged recipe of that name{suggestion(name, known)}") from error
        hint = f"golfctl brings that recipe under the name {name}, and `golfctl recipe init {name}` writes the file"
        raise InputError(f"{error}; {hint}") from error


def _names(folder: Traversable, prefix: str) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _names(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield prefix + entry.name.removesuffix(_SUFFIX)
