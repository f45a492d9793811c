"""`golfctl schema`: list, print and apply the JSON Schemas of golfctl's documents."""

import json
from pathlib import Path
from typing import Any

import click

from golfctl.cli.schema_table import SCHEMAS, schema_of
from golfctl.cli.views.terminal import echo
from golfctl.core.text import one_line
from golfctl.errors import InputError, UsageError

_LIMIT_BYTES = 1 << 26


@click.command("schema")
@click.argument("name", required=False)
@click.argument("documents", nargs=-1, type=click.Path(path_type=Path))
@click.option("--lines", is_flag=True, help="Each line of a document is one JSON value, as in a journal.")
def command(name: str | None, documents: tuple[Path, ...], lines: bool) -> None:
    """List the schemas; print schema NAME; or check DOCUMENTS against it (exit 3 names the first that does not fit)."""
    if name is None:
        echo("\n".join(SCHEMAS))
    elif not documents:
        if lines:
            raise UsageError("--lines goes with documents to check")
        echo(json.dumps(schema_of(name), indent=2, sort_keys=True, ensure_ascii=False))
    else:
        _check_all(schema_of(name), name, documents, lines)


def _check_all(schema: dict[str, Any], name: str, documents: tuple[Path, ...], lines: bool) -> None:
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema)
    for document in documents:
        for where, value in _values(document, lines):
            problem = min(validator.iter_errors(value), key=lambda error: list(map(str, error.path)), default=None)
            if problem is not None:
                place = ".".join(map(str, problem.absolute_path)) or "the document"
                raise InputError(f"{where}: not a document of schema {name}: {place}: {problem.message[:200]}")
        echo(one_line(f"{document}: fits {name}"))


def _values(document: Path, lines: bool) -> list[tuple[str, Any]]:
    from golfctl.core.files import read_bytes

    data = read_bytes(document, _LIMIT_BYTES)
    texts = [(str(document), data)]
    if lines:
        texts = [(f"{document} line {i}", line) for i, line in enumerate(data.splitlines(), 1)]
    try:
        return [(where, json.loads(text)) for where, text in texts]
    except (ValueError, RecursionError) as error:
        raise InputError(f"{document}: not JSON: {error}") from error
