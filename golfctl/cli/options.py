"""Options that several commands share, written once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from golfctl.core.machine.variables import is_first
from golfctl.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from golfctl.core.config import Config

Decorator = Any


class Finite(click.FloatRange):
    """A number in a range; NaN and infinity, which no comparison keeps out, are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; UsageError where it is none."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            raise UsageError(f"{param.opts[-1] if param else 'a value'} {number} is no number to reckon with")
        return number


ConfigT = TypeVar("ConfigT", bound="Config")

json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
quiet_option: Decorator = click.option("--quiet", is_flag=True, help="No progress on stderr.")
set_option: Decorator = click.option(
    "--set", "overrides", multiple=True, metavar="A.B=V", help="Override one recipe value; may be repeated."
)
device_option: Decorator = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:N, mps, or auto."
)


def needs(*modules: str) -> Decorator:
    """Below a command's options: says what to type where these libraries are missing, before anything else."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def checked(*arguments: Any, **options: Any) -> Any:
            from golfctl.core.machine.libraries import need

            need(click.get_current_context().command_path, *modules)
            return function(*arguments, **options)

        return checked

    return decorate


def writes(*names: str) -> Decorator:
    """Below a command's options: while it runs, it alone writes the files and folders that these options name.

    Of the ranks of one launch only the first writes.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def holding(*arguments: Any, **options: Any) -> Any:
            from golfctl.core.files import writing

            with ExitStack() as held:
                for path in {options[name] for name in names if options[name] is not None}:
                    if is_first() and not _is_special(path):
                        held.enter_context(writing(path))
                return function(*arguments, **options)

        return holding

    return decorate


def _is_special(path: Path) -> bool:
    """Whether `path` is a device or pipe, which has no lock; whoever writes says what it makes of it."""
    try:
        return path.exists() and not (path.is_file() or path.is_dir())
    except OSError:
        return False


def with_flags(config: type[ConfigT], table: dict[str, Any], flags: dict[str, Any], where: str) -> ConfigT:
    """The recipe's table with flags on top; what is wrong only through the flags is reported under their names.

    Raises:
        ConfigError: the table itself is at fault. UsageError: the flags are.
    """
    try:
        return config.from_dict({**table, **flags}, where)
    except ConfigError as error:
        if not flags:
            raise
        config.from_dict(table, where)
        names = ", ".join("--" + key.replace("_", "-") for key in flags)
        raise UsageError(f"{names} on top of {where}: {str(error).removeprefix(f'{where}: ')}") from error
