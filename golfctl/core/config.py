"""Strict, frozen configuration: TOML recipes in, canonical JSON out, unknown keys are errors with a suggestion."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from golfctl.core.canonical import canonical_json
from golfctl.core.files import read_bytes
from golfctl.core.table import suggestion
from golfctl.core.text import printable
from golfctl.errors import ConfigError

_RECIPE_LIMIT_BYTES = 1 << 20
_MOST_DEEP = 32
_TOO_DEEP = f"tables or lists inside of each other, more than {_MOST_DEEP} deep"


class Config(BaseModel):
    """Base of every configuration: keyword-only, immutable, no unknown keys, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True, allow_inf_nan=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "configuration") -> Self:
        """Validate plain JSON values (lists become tuples); `where` names the source in the message.

        Raises:
            ConfigError: an unknown key (with the nearest known one), a wrong type, a contradiction.
        """
        try:
            return cls.model_validate_json(json.dumps(values))
        except ValidationError as error:
            raise ConfigError(f"{where}: {_explain(cls, error)}") from error

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, defaults included, such that `from_dict` gives an equal configuration."""
        return self.model_dump(mode="json")

    def to_json(self) -> bytes:
        """Canonical JSON bytes."""
        return canonical_json(self.to_dict())


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        InputError: missing or oversized file. ConfigError: not UTF-8, not TOML (line and column given), or a value that
            no configuration has.
    """
    try:
        values = tomllib.loads(read_bytes(path, _RECIPE_LIMIT_BYTES).decode("utf-8"))
    except RecursionError as error:
        raise ConfigError(f"{path}: not a TOML file that can be read: {_TOO_DEEP}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from error
    _check_plain(values, str(path))
    return values


def apply_overrides(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a copy of `values` with `a.b=v` assignments applied; `v` is TOML, or a bare word taken as text."""
    result = json.loads(json.dumps(values))
    for override in overrides:
        path, equals, text = override.partition("=")
        keys = [key.strip() for key in path.split(".")]
        if not equals or not all(keys):
            raise ConfigError(f"--set {override!r}: expected KEY.KEY=VALUE, for example train.steps=100")
        table = result
        for key in keys[:-1]:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--set {override!r}: {key!r} is a value, not a table")
        if len(keys) > _MOST_DEEP:
            raise ConfigError(f"--set {printable(override)}: {_TOO_DEEP}")
        table[keys[-1]] = _toml_value(text.strip())
        _check_plain(table[keys[-1]], f"--set {printable(override)}")
    return result


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except (ValueError, RecursionError):
        return text


def _check_plain(value: Any, where: str, depth: int = 0) -> None:
    """Raise ConfigError for what TOML has and JSON, in which configurations are kept, has not."""
    if depth > _MOST_DEEP:
        raise ConfigError(f"{where}: {_TOO_DEEP}")
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_plain(inner, f"{where}: {printable(key)}" if depth == 0 else where, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_plain(inner, where, depth + 1)
    elif not isinstance(value, str | int | float):
        raise ConfigError(f"{where}: dates and times are no values of a configuration ({value})")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ConfigError(f"{where}: a number beyond 64 bits")


def _explain(model: type[BaseModel], error: ValidationError) -> str:
    """The first few problems as one line: where, what, and the nearest known key."""
    problems = []
    for item in error.errors(include_url=False)[:3]:
        path = ".".join(str(part) for part in item["loc"])
        if item["type"] == "json_invalid" and "surrogate" in item["msg"]:
            return "a name in it is no Unicode: rename that file"
        if item["type"] == "extra_forbidden":
            known = _known_keys(model, item["loc"][:-1])
            problems.append(f"unknown key {path!r}{suggestion(str(item['loc'][-1]), known)}")
        else:
            message = item["msg"].removeprefix("Value error, ")
            problems.append(f"{path}: {message}" if path else message)
    return " | ".join(problems)


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Field names of the nested model that `path` leads to; union tags and list indices are stepped over."""
    models = [model]
    for part in path:
        inner = [field.annotation for m in models if (field := m.model_fields.get(str(part)))]
        models = [found for annotation in inner for found in _models_in(annotation)] or models
    return sorted({name for m in models for name in m.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_in(argument)]
