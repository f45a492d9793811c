"""The walk over every command: what each needs to do its work, and a table of what no command can work with."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import click

from golfctl.cli import main

# command: the values with which it does something small; what a new command lacks here, it is walked without
PLAIN: dict[str, dict[str, str]] = {
    "quickstart": {"seconds": "1"},
    "data build": {"sources": "books.jsonl", "out": "new", "vocab": "300", "holdout": "0.2"},
    "data tokenizer": {"sources": "books.jsonl", "out": "new.model", "vocab": "300"},
    "data fetch": {"variant": "sp1024", "out": "new", "endpoint": "http://127.0.0.1:9", "train_shards": "0"},
    "data verify": {"folder": "data/books"},
    "recipe show": {"name": "quickstart"},
    "recipe init": {"name": "quickstart", "out": "new.toml"},
    "train": {"recipe": "tiny.toml", "data": "data/books", "out": "new", "steps": "1"},
    "plot": {"runs": "runs/tiny", "out": "new.svg"},
    "pack": {"source": "runs/tiny", "out": "new.golf", "coder": "zstd:1"},
    "import": {"source": "runs/tiny/checkpoint-0000003.safetensors", "out": "new.safetensors"},
    "inspect": {"artifacts": "runs/tiny/model.golf"},
    "schema": {"name": "error", "documents": "report.json"},
    "eval": {"source": "runs/tiny/model.golf", "data": "data/books", "documents": "1"},
    "audit": {"source": "runs/tiny/model.golf", "data": "data/books", "only": "T6"},
    "compress": {"source": "tiny.toml", "model": "runs/tiny/model.golf", "out": "new.glt", "seq_len": "8"},
    "decompress": {"source": "books.jsonl", "model": "runs/tiny/model.golf", "out": "new.txt"},
    "generate": {"source": "runs/tiny/model.golf", "tokens": "2", "seq_len": "8"},
    "compare": {"base": "report.json"},
    "submission check": {"folder": "record"},
}
# variable: values that no command takes
VARIABLES = {
    "WORLD_SIZE": ("abc", "-1", "0", "99999999999999999999"),
    "RANK": ("abc", "-1"),
    "LOCAL_RANK": ("abc",),
    "LOCAL_WORLD_SIZE": ("0",),
    "MASTER_PORT": ("abc", "70000"),
    "OMP_NUM_THREADS": ("abc", "0", "-1", "99999999999999999999"),
    "NUMBA_NUM_THREADS": ("0", "99999999"),
    "NUMBA_CPU_FEATURES": ("zz",),
}
WORDS = (
    "",
    " ",
    "\x1b[2J",
    "caf\udce9",
    "\u202e",
    "9" * 5000,
    "-1",
    "nan",
    "1e999",
    "a.b.c=1",
    "a\nb",
    "x:y:z",
    "None",
)


def commands(group: click.Group, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    context = click.Context(group)
    for child in group.list_commands(context):
        command = group.get_command(context, child)
        assert command is not None
        words = f"{name} {child}".strip()
        if isinstance(command, click.Group):
            yield from commands(command, words)
        else:
            yield words, command


COMMANDS = dict(commands(main.group))


def words_of(name: str, /, **values: str | None) -> list[str]:
    """The command line of command `name` with its plain values, and `values` in place of some; None leaves one out."""
    given = {key: value for key, value in {**PLAIN.get(name, {}), **values}.items() if value is not None}
    options, arguments = [], []
    for parameter in COMMANDS[name].params:
        value = given.get(parameter.name or "")
        if value is None:
            continue
        if isinstance(parameter, click.Option):
            options += [parameter.opts[-1], value]
        else:
            arguments.append(value)
    line = [*name.split(), *options, *arguments]
    return [*line, "--", arguments[0] if arguments else "x"] if name == "compare" else line


def has_json(name: str) -> bool:
    """Whether the command gives its result to machines too."""
    return any("--json" in parameter.opts for parameter in COMMANDS[name].params)


def paths_of(name: str) -> list[str]:
    """The parameters of a command that name files or folders."""
    return [p.name or "" for p in COMMANDS[name].params if isinstance(p.type, click.Path)]


def texts_of(name: str) -> list[str]:
    """All others that take a value."""
    plain = (p for p in COMMANDS[name].params if not isinstance(p.type, click.Path))
    return [p.name or "" for p in plain if not (isinstance(p, click.Option) and (p.is_flag or p.count))]


def bad_paths(folder: Path, artifact: Path) -> dict[str, str]:
    """Paths below `folder` (made here) that no command can work with, by what is wrong with them."""
    folder.mkdir()
    files = {
        "empty": b"",
        "junk": bytes(range(256)) * 40,
        "truncated": artifact.read_bytes()[:-100],
        "list": b"[1, 2]",
        "object": b'{"val_loss": 1e400, "records": {"\\ud800": "\\u202e\\u001b[2J"}}',
        "deep": b"[" * 100_000,
        "nested": b"[" * 900 + b"]" * 900,
        "long-number": b'{"seed": ' + b"9" * 6000 + b"}",
        "dotted": b"a = 1\n[model]\nlayers = 99999999999999999999999\n",
        "lines": b'{"text": "a"}\n{"text": 3}\n',
    }
    found = {}
    for kind, data in files.items():
        for ending in ("", ".golf", ".safetensors", ".json", ".toml", ".jsonl", ".model", ".bin"):
            (folder / f"{kind}{ending}").write_bytes(data)
            found[f"{kind}{ending}"] = str(folder / f"{kind}{ending}")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to(folder / "loop")
    found |= {
        "missing": str(folder / "none"),
        "folder": str(folder / "folder"),
        "loop": str(folder / "loop"),
        "below a file": str(folder / "empty" / "x"),
        "long": str(folder / ("x" * 300)),
        "device": _device(folder / "null"),
        "escape": str(folder / "\x1b[31mred\nline\u202e"),
    }
    return found


def _device(path: Path) -> str:
    """A device that swallows everything; one of our own where the system lets us make it, since tests may be root."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except OSError:
        return os.devnull
    return str(path)
