"""Writes `docs/cli.md` from the live commands: `python -m golfctl.cli.reference > docs/cli.md`."""

from collections.abc import Iterator

import click

from golfctl.cli.main import group
from golfctl.cli.views.terminal import echo_bytes

_HEADER = """# Command reference

Generated from the commands themselves by `python -m golfctl.cli.reference > docs/cli.md`; a test keeps it current.
"""


def reference() -> str:
    """The whole reference as Markdown."""
    sections = [f"## {name}\n\n```\n{text}\n```\n" for name, text in _helps(group, "golfctl")]
    return "\n".join([_HEADER, *sections])


def _helps(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    names = ["-h", "--help"]  # as the group sets them: click keeps the first it was asked with
    context = click.Context(command, info_name=name, terminal_width=100, max_content_width=100, help_option_names=names)
    yield name, command.get_help(context).rstrip()
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None, f"{child} is listed but cannot be loaded"
            yield from _helps(found, f"{name} {child}")


if __name__ == "__main__":
    echo_bytes(reference().encode())
