"""Tables of plug-ins: a name, and where its implementation lives. One row adds one plug-in."""

import difflib
import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from golfctl.errors import GolfError, UsageError


def suggestion(word: str, known: "list[str] | tuple[str, ...]") -> str:
    """`; did you mean 'x'?` for the nearest of `known`, or the whole list when none is near."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"


class Table(Mapping[str, Any]):
    """An immutable map from a name to an object that is imported on first use.

    Rows are `name: "package.module:attribute"` written in our own source, so a name read from a file can
    select an implementation but can never run code.
    """

    def __init__(self, family: str, rows: dict[str, str]) -> None:
        self._family = family
        self._rows = dict(rows)

    def __getitem__(self, name: str) -> Any:
        module, attribute = self._rows[name].split(":")
        return getattr(importlib.import_module(module), attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def find(self, name: str, error: Callable[[str], GolfError] = UsageError) -> Any:
        """The implementation of `name`; raises `error` with the nearest known name when there is none."""
        if name not in self._rows:
            raise error(f"unknown {self._family} {name!r}{suggestion(name, list(self._rows))}")
        return self[name]
