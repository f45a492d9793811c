"""What is fuzzed: where its cases come from, what is done with one, and what it may cost."""

import importlib
from collections.abc import Sequence
from typing import Any, Protocol, cast

_TARGETS = {
    "artifact": "benchmarks.fuzz.artifact",
    "importer": "benchmarks.fuzz.importer",
    "text": "benchmarks.fuzz.text",
}
NAMES = tuple(_TARGETS)


class Target(Protocol):
    """A module of these four functions."""

    def seeds(self) -> list[Any]:
        """Valid cases; the same list on every machine."""

    def mutant(self, number: int, seeds: Sequence[Any]) -> Any:
        """Case `number`, made from its number and the seeds alone."""

    def outcome(self, case: Any) -> tuple[str, str]:
        """What became of a case, and what is wrong with that ("": nothing)."""

    def growth_bytes(self, case: Any) -> int:
        """Memory that handling the case may take."""

    def allowed(self) -> dict[str, Any]:
        """The limits, for the report."""


def find_target(name: str) -> Target:
    """The target called `name`."""
    return cast(Target, importlib.import_module(_TARGETS[name]))
