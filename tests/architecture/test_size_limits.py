"""The tail is capped: files of at most 400 lines, functions of at most 60, folders of at most 14 modules."""

import ast
from collections import Counter
from pathlib import Path

from tests.architecture.source import MODULES, PACKAGE

ROOT = Path(__file__).parents[2]
FILES = sorted(p for d in ("golfctl", "tests", "benchmarks", "examples") for p in (ROOT / d).rglob("*.py"))
PLUG_INS = {"auditing/checks", "cli/commands"}
"""Flat on purpose: one file a plug-in, and nobody reads them in a row."""
NAMES_SHARED = 12
"""Most module names that may occur in more than one room; docs/architecture.md gives each its reason."""


def test_files_and_functions():
    wrong = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 400:
            wrong.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > 60:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines")
    assert not wrong


def test_folders():
    folders = Counter(str(p.parent.relative_to(PACKAGE)) for p in MODULES if p.name != "__init__.py")
    assert not {name: count for name, count in folders.items() if count > 14 and name not in PLUG_INS}


def test_module_names_are_seldom_shared():
    counts = Counter(path.stem for path in MODULES if path.stem not in ("__init__", "__main__"))
    shared = sorted(name for name, count in counts.items() if count > 1)
    assert len(shared) <= NAMES_SHARED, shared
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert not [name for name in shared if f"| `{name}.py` |" not in page]
