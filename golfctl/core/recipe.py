"""A recipe: TOML tables, each validated by the room that owns it. Nothing here knows what a table means."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from golfctl.core.config import Config, apply_overrides, load_toml
from golfctl.core.files import atomic_write
from golfctl.core.table import suggestion
from golfctl.errors import ConfigError

TABLES = ("data", "model", "train", "pack", "eval")
ConfigT = TypeVar("ConfigT", bound=Config)


class Recipe:
    """The tables of one recipe, and where they came from (for messages)."""

    def __init__(self, tables: dict[str, Any], where: str) -> None:
        """Check the table names; the contents are checked by `read`."""
        for name, value in tables.items():
            if name not in TABLES:
                raise ConfigError(f"{where}: unknown table [{name}]{suggestion(name, TABLES)}")
            if not isinstance(value, dict):
                raise ConfigError(f"{where}: {name!r} must be a table, written [{name}]")
        self.tables = tables
        self.where = where

    @classmethod
    def load(cls, path: Path, overrides: Sequence[str] = ()) -> "Recipe":
        """Read a TOML recipe and apply `--set` overrides.

        Raises:
            InputError: no such file. ConfigError: not TOML, or an unknown table.
        """
        return cls(apply_overrides(load_toml(path), overrides), str(path))

    @property
    def only_evaluates(self) -> bool:
        """Whether there is an [eval] table and nothing to train."""
        return set(self.tables) == {"eval"}

    def read(self, table: str, config: type[ConfigT]) -> ConfigT:
        """Table `table` as a `config`; a missing table gives the defaults.

        Raises:
            ConfigError: an unknown key, a wrong type or a contradiction.
        """
        return config.from_dict(self.tables.get(table, {}), f"{self.where} [{table}]")

    def replace(self, **tables: dict[str, Any]) -> "Recipe":
        """A copy with whole tables replaced (for writing a recipe as it was resolved)."""
        return Recipe({**self.tables, **tables}, self.where)

    def write(self, path: Path) -> None:
        """Write as TOML, atomically; None values are left out (TOML has no null)."""
        import tomli_w

        atomic_write(path, tomli_w.dumps(_without_none(self.tables)).encode("utf-8"))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value
