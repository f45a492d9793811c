"""Imports point downwards, siblings never import each other, torch stays out of the light rooms."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "golfctl"
LAYER = {
    "errors": 0, "core": 1, "artifact": 2, "coding": 2, "quant": 2, "model": 2, "optim": 2, "data": 2, "scoring": 2,
    "packing": 3, "training": 4, "evaluation": 4, "inspection": 4, "importing": 4,
    "auditing": 5, "comparison": 5, "submission": 6, "cli": 7,
}  # fmt: skip
LIGHT = {"errors", "core", "artifact", "coding", "inspection"}
FORBIDDEN_CALLS = {"eval", "exec"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0] if parts[0] not in ("__init__", "__main__") else "cli"


def imported(tree: ast.AST, top_only: bool = False) -> set[str]:
    nodes = ast.iter_child_nodes(tree) if top_only else ast.walk(tree)
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layers"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def table_targets(tree: ast.AST) -> set[str]:
    """Modules named in plug-in tables: `"golfctl.room.module:attribute"`."""
    return {
        node.value.split(":")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("golfctl.")
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_keeps_to_its_layer(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    room = room_of(path)
    for name in imported(tree) | table_targets(tree):
        parts = name.split(".")
        if parts[0] != "golfctl" or len(parts) < 2 or parts[1] not in LAYER or parts[1] == room:
            continue
        assert LAYER[parts[1]] < LAYER[room], f"{path}: {room} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_light_rooms_never_import_torch(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    room = room_of(path)
    heavy = {n for n in imported(tree, top_only=room == "cli") if n.split(".")[0] in ("torch", "matplotlib")}
    if room in LIGHT or room == "cli":
        assert not heavy, f"{path} imports {heavy}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_output_exit_or_pickle_in_the_library(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {name.split(".")[0] for name in imported(tree)}
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    attributes = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    assert not names & {"pickle", "dill", "cloudpickle", "marshal", "shelve"}
    assert "torch.load" not in attributes and "torch.save" not in attributes
    assert not calls & FORBIDDEN_CALLS
    if room_of(path) != "cli":
        assert "click" not in names
        assert not calls & {"print", "exit", "quit"} and "sys.exit" not in attributes
