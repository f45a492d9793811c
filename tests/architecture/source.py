"""The package's own source as the architecture tests read it: modules, rooms and what imports what."""

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "golfctl"
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(path: Path) -> str:
    """`golfctl/model/spec.py` as `golfctl.model.spec`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(path: Path) -> str:
    """The folder directly under the package; the two modules at the top belong to the command line."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0] if parts[0] not in ("__init__", "__main__") else "cli"


def imported(tree: ast.AST, top_only: bool = False) -> set[str]:
    """Every dotted name that is imported, also for types only: `a.b` and `a.b.c` for `from a.b import c`."""
    names: set[str] = set()
    for node in ast.iter_child_nodes(tree) if top_only else ast.walk(tree):
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


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of modules that reach each other, by following imports from each."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        todo = list(graph[start])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += graph[name]
        reach[start] = seen
    found = [frozenset({a} | {b for b in reach[a] if a in reach[b]}) for a in graph if a in reach[a]]
    return [set(group) for group in dict.fromkeys(found)]
