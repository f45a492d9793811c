"""What a run owes to the machine that asked: with `--json` one JSON document on stdout, also when the run fails.

A command gives its result through `golfctl.cli.views.render.emit`. When it fails before that, the boundary in
`golfctl.cli.main` gives the failure in the form that was asked for: a document of schema `error/1`, a line of Markdown,
or an annotation of GitHub's. Every form keeps its one line on stderr and its exit code.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from golfctl.cli.views.terminal import echo, let_go, tell
from golfctl.core.canonical import ascii_json
from golfctl.core.machine.variables import is_first
from golfctl.core.schema import document, record
from golfctl.core.text import printable

Json = dict[str, Any]
SCHEMA = "error/1"
_MOST_CHARACTERS = 4000  # of a message; names in files may be as long as the file
# exit code: what it means, in one word
KINDS = {1: "bug", 2: "usage", 3: "input", 4: "artifact", 5: "budget", 6: "verdict", 130: "interrupted"}


class Reply:
    """Whether the form that the command line asks for is given yet."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.form, self.given = asked_form(arguments), False

    def fail(self, message: str, exit_code: int, details: Json | None = None) -> None:
        """Give the failure, unless a result stands on stdout already or another process of `torchrun` gives it."""
        render = _FORMS.get(self.form)
        if render is not None and not self.given and is_first():
            self.given = True
            try:
                echo(render(message, exit_code, details or {}))
            except OSError:  # nobody reads any more; the line on stderr and the exit code stand
                let_go(sys.stdout)


def asked_form(arguments: Sequence[str]) -> str:
    """The form of output that a command line asks for; read from its words, because it may not be one that parses."""
    form = "text"
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if word == "--":
            break
        if word == "--json":
            return "json"
        if word == "--format":
            form = following
        elif word.startswith("--format="):
            form = word.removeprefix("--format=")
    return form


def complain(message: str) -> None:
    """The one line on stderr that a failure gets in every form."""
    tell(f"golfctl: {printable(message, _MOST_CHARACTERS)}")


def error_document(message: str, exit_code: int, details: Json) -> Json:
    """A failure as a document of schema `error/1`."""
    kind = KINDS.get(exit_code, "bug")
    shown = printable(message, _MOST_CHARACTERS)
    return {"schema": SCHEMA, "kind": kind, "exit_code": exit_code, "message": shown, "details": details}


def error_schema() -> Json:
    """JSON Schema of `error/1`."""
    required: Json = {
        "schema": {"const": SCHEMA},
        "kind": {"enum": list(KINDS.values())},
        "exit_code": {"enum": list(KINDS)},
        "message": {"type": "string", "description": "one line: what is wrong, where, and what to do"},
        "details": {
            "type": "object",
            "description": "facts for programs: rule, section, offset, expected and found of a damaged artifact; "
            "object_bytes of a git-LFS pointer; otherwise empty",
        },
    }
    return document("error-1.json", "Failure of a command", record(required))


def _json(message: str, exit_code: int, details: Json) -> str:
    return ascii_json(error_document(message, exit_code, details))


def _markdown(message: str, exit_code: int, details: Json) -> str:
    from golfctl.cli.views.markdown import failure

    return failure(message)


def _github(message: str, exit_code: int, details: Json) -> str:
    from golfctl.cli.views.github import annotation

    return annotation("error", message)


_FORMS: dict[str, Callable[[str, int, Json], str]] = {"json": _json, "markdown": _markdown, "github": _github}
