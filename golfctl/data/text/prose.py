"""English prose inside Python source: docstrings, comment blocks, help texts. Files are parsed, never imported."""

import ast
import inspect
import re
from collections.abc import Iterator
from typing import NamedTuple

_COMMENT = re.compile(r"[ \t]*#(?!!)(.*)")
_HELP_KEYWORDS = {"help", "description", "epilog", "usage"}
_HELP_NAME = re.compile(r"usage|help", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]{2,}")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_MIN_WORDS = 4
_MIN_HELP_CHARACTERS = 20


class Paragraph(NamedTuple):
    """A piece of prose and the line it starts on."""

    line: int
    text: str


def prose_of(source: str) -> list[str]:
    """The prose blocks of one module in source order, dedented, with too short ones left out.

    Raises:
        SyntaxError: `source` is no Python of this interpreter's version.
    """
    tree = ast.parse(source)
    blocks = [*_docstrings(tree), *_help_texts(tree), *_comments(source, _string_lines(tree))]
    return [block.text for block in sorted(blocks) if len(_WORD.findall(block.text)) >= _MIN_WORDS]


def topics_of(source: str) -> list[str]:
    """The texts of `pydoc_data/topics.py`: every long string in its dictionary, in source order."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Dict)]
    values = [value for node in found for value in node.values]
    return [v.value.strip() for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)]


def _docstrings(tree: ast.AST) -> Iterator[Paragraph]:
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and (text := ast.get_docstring(node)):
            yield Paragraph(node.body[0].lineno, text)


def _help_texts(tree: ast.AST) -> Iterator[Paragraph]:
    """Strings given to argparse and its like, and module constants named as a usage or help text."""
    for node in ast.walk(tree):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call):
            values = [keyword.value for keyword in node.keywords if keyword.arg in _HELP_KEYWORDS]
        elif isinstance(node, ast.Assign) and any(_names_help(target) for target in node.targets):
            values = [node.value]
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                text = inspect.cleandoc(value.value).strip()
                if len(text) >= _MIN_HELP_CHARACTERS:
                    yield Paragraph(value.lineno, text)


def _names_help(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and bool(_HELP_NAME.search(target.id))


def _string_lines(tree: ast.AST) -> set[int]:
    """Lines inside strings of several lines, where a `#` starts no comment."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr):
            last = node.end_lineno or node.lineno
            lines.update(range(node.lineno + 1, last + 1))
    return lines


def _comments(source: str, inside_strings: set[int]) -> Iterator[Paragraph]:
    """Runs of whole-line comments without their marks."""
    run: list[str] = []
    for number, line in enumerate([*source.splitlines(), ""], 1):
        match = _COMMENT.fullmatch(line) if number not in inside_strings else None
        if match:
            run.append(match[1] if _WORD.search(match[1]) else "")  # rules of dashes are no prose
        elif run:
            text = inspect.cleandoc("\n".join(["", *run])).strip()
            if text:
                yield Paragraph(number - len(run), text)
            run = []
