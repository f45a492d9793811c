"""Every command, discovered from the click tree, against a table of what no command can work with.

Whatever it is given, a command ends with an exit code other than 1, without a traceback, with nothing on a stream that
would act on a terminal, and with one document on stdout where `--json` asks for it.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

from golfctl.cli.main import exit_code_of
from tests.cli.bad_inputs import COMMANDS, PLAIN, VARIABLES, WORDS, bad_paths, has_json, paths_of, texts_of, words_of

RECIPE = """[model]
layers = 1
dim = 32
[model.attention]
heads = 4
kv_heads = 2
[train]
steps = 1
sequence_length = 32
batch_tokens = 256
node_benchmark_seconds = 0.0
"""
# kinds of bad path that every parameter meets by default; the rest of the table is slow
QUICK = ("missing", "folder", "loop", "below a file", "long", "device", "junk.json", "deep", "truncated.golf")
# parameters that do long work with a path that is new to them
WORKS = {("quickstart", "out"), ("train", "out"), ("data fetch", "out")}
NEW = ("missing", "folder", "escape")
NO_FILE = ("missing", "folder", "loop", "below a file", "long", "device", "escape")
TAKES_ANY_FILE = {("compress", "source")}  # whose bytes, whatever they are, it codes for a long time


@pytest.fixture
def workshop(run_folder, tmp_path, monkeypatch):
    """A folder in which every plain command line finds its inputs."""
    monkeypatch.chdir(tmp_path)
    for name in ("data", "runs"):
        shutil.copytree(run_folder / name, name)
    shutil.copy(run_folder / "books.jsonl", "books.jsonl")
    Path("tiny.toml").write_text(RECIPE)
    Path("report.json").write_text('{"val_loss": 1.0}')
    Path("record").mkdir()
    Path("record/submission.json").write_text('{"val_bpb": 1.2, "name": "\\ud800\\u001b[2J"}')
    (Path("record") / os.fsdecode(b"train_seed1\xe9\x1b[31m\n.log")).write_text("val_bpb:1.2\n")
    return tmp_path


def run(words, capfdbinary):
    """One command in this process; what must hold whatever it was given."""
    command = [*words.split()] if isinstance(words, str) else words
    capfdbinary.readouterr()
    try:
        code = exit_code_of(command)
    except Exception as error:
        raise AssertionError(f"{command}: {type(error).__name__}: {error}") from error
    out, err = capfdbinary.readouterr()
    assert code != 1 and b"Traceback" not in err, command
    assert b"\x1b" not in out + err and "\u202e".encode() not in out + err, command
    assert code == 0 or err, f"{command}: nothing was said of code {code}"
    if "--json" in command:
        json.loads(out.decode("ascii"))
    return code


def with_json(name, words):
    return [*name.split(), "--json", *words[len(name.split()) :]] if has_json(name) else words


def walk_paths(name, kinds, found, capfdbinary):
    for parameter in paths_of(name):
        for kind in kinds:
            if (name, parameter) in WORKS and kind in NEW:
                continue
            if (name, parameter) in TAKES_ANY_FILE and kind not in NO_FILE:
                continue
            run(with_json(name, words_of(name, **{parameter: found[kind]})), capfdbinary)


def test_the_table_names_commands_that_there_are():
    assert set(PLAIN) <= set(COMMANDS)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"pack", "audit"}))
def test_bad_paths(name, workshop, capfdbinary):
    walk_paths(name, QUICK, bad_paths(workshop / "bad", workshop / "runs/tiny/model.golf"), capfdbinary)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_all_bad_paths(name, workshop, capfdbinary):
    found = bad_paths(workshop / "bad", workshop / "runs/tiny/model.golf")
    walk_paths(name, sorted(set(found) - {"deep.jsonl"}), found, capfdbinary)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_bad_words(name, workshop, capfdbinary):
    for parameter in texts_of(name):
        if name == "data fetch":  # which asks the network
            continue
        for word in WORDS:
            run(with_json(name, words_of(name, **{parameter: word})), capfdbinary)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_bad_variables(name, workshop, capfdbinary, monkeypatch):
    for variable, values in VARIABLES.items():
        for value in values:
            with monkeypatch.context() as changed:
                changed.setenv(variable, value)
                assert run(with_json(name, words_of(name)), capfdbinary) == 3, (variable, value)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_working_folder_that_is_gone(name, workshop, capfdbinary):
    gone = workshop / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    assert run(with_json(name, words_of(name)), capfdbinary) == 3
