"""Imports point downwards, siblings never import each other, nothing imports in a circle, light rooms stay light."""

import ast

from tests.architecture.source import MODULES, PACKAGE, circles, dotted, imported, room_of, table_targets, tree_of

LAYER = {
    "errors": 0, "core": 1, "arithmetic": 1.5,
    "artifact": 2, "coding": 2, "quant": 2, "model": 2, "optim": 2, "data": 2, "scoring": 2,
    "packing": 3, "training": 4, "evaluation": 4, "inspection": 4, "importing": 4, "codec": 4,
    "auditing": 5, "comparison": 5,
    "submission": 6, "cli": 7,
}  # fmt: skip
LIGHT = {"errors", "core", "artifact", "coding", "inspection"}
FORBIDDEN_CALLS = {"eval", "exec"}


def test_every_room_has_its_layer():
    assert {room_of(path) for path in MODULES} == set(LAYER)


def test_imports_point_downwards():
    wrong = []
    for path in MODULES:
        room = room_of(path)
        for name in imported(tree_of(path)) | table_targets(tree_of(path)):
            parts = name.split(".")
            inside = parts[0] == "golfctl" and len(parts) > 1 and parts[1] in LAYER
            if inside and parts[1] != room and LAYER[parts[1]] >= LAYER[room]:
                wrong.append(f"{path.relative_to(PACKAGE)}: {room} must not import {name}")
    assert not wrong


def test_no_module_imports_itself_through_others():
    known = {dotted(path) for path in MODULES}
    graph = {dotted(path): (imported(tree_of(path)) & known) - {dotted(path)} for path in MODULES}
    assert not circles(graph)


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_light_rooms_never_import_torch():
    wrong = []
    for path in MODULES:
        room = room_of(path)
        names = imported(tree_of(path), top_only=room == "cli")
        if (room in LIGHT or room == "cli") and {name.split(".")[0] for name in names} & {"torch", "matplotlib"}:
            wrong.append(str(path.relative_to(PACKAGE)))
    assert not wrong


def test_no_output_exit_or_pickle_in_the_library():
    wrong = []
    for path in MODULES:
        nodes = list(ast.walk(tree_of(path)))
        modules = {name.split(".")[0] for name in imported(tree_of(path))}
        calls = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        attributes = {
            f"{node.value.id}.{node.attr}"
            for node in nodes
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        bad = modules & {"pickle", "dill", "cloudpickle", "marshal", "shelve"}
        bad |= attributes & {"torch.load", "torch.save"} | calls & FORBIDDEN_CALLS
        if room_of(path) != "cli":
            bad |= modules & {"click"} | calls & {"print", "exit", "quit"} | attributes & {"sys.exit"}
        if path != PACKAGE / "cli/views/terminal.py":  # the one way out
            bad |= attributes & {"click.echo", "click.secho"} | calls & {"print"}
        wrong += [f"{path.relative_to(PACKAGE)}: {name}" for name in sorted(bad)]
    assert not wrong
