"""Versioned identifiers such as `int6-row/1`: the only names that files use for algorithms."""

import re
from typing import NamedTuple, Self

_GRAMMAR = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*/[1-9][0-9]{0,3}")


class Identifier(NamedTuple):
    """`name/version`; a new byte layout or rule gets a new version, never a new meaning for an old one."""

    name: str
    version: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `name/version`; raises ValueError when `text` does not follow the grammar."""
        if not _GRAMMAR.fullmatch(text):
            raise ValueError(f"{text!r} is not an identifier of the form name/version")
        name, version = text.split("/")
        return cls(name, int(version))

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"
