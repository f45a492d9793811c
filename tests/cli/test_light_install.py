"""Without the optional libraries: what should run runs, and the rest says in one line what to type, exit 3."""

import json
import subprocess
import sys

import pytest

from golfctl.artifact import write_artifact
from golfctl.cli import main
from golfctl.cli.schema_table import SCHEMAS
from golfctl.core.machine.libraries import EXTRAS
from tests.samples import sample_draft

HIDE = f"""
import sys
for name in {[*EXTRAS, "llvmlite", "scipy", "pyarrow"]!r}:
    sys.modules[name] = None
from golfctl.cli.main import exit_code_of
"""
RUNS = {
    "inspect": ["inspect", "m.golf", "--verify", "--entropy", "--budget", "parameter-golf", "--json"],
    "inspect --diff": ["inspect", "--diff", "m.golf", "m.golf", "--verify"],
    "schema": ["schema"],
    "schema document": ["schema", "inspect", "report.json"],
    "doctor": ["doctor"],
    "help": ["--help"],
    "version": ["--version"],
}
NEEDS = {
    "quickstart": [], "train": [], "pack": [], "eval": [], "audit": [], "plot": [], "import": ["x.pt"],
    "generate": [], "compress": ["-o", "x"], "decompress": ["-o", "x"],
    "data build": [], "data tokenizer": ["x.txt"], "data fetch": [], "data verify": [],
}  # fmt: skip
ALWAYS = {"inspect", "schema", "compare", "submission", "doctor", "recipe"}


def run(folder, *arguments):
    code = f"{HIDE}raise SystemExit(exit_code_of({list(arguments)!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("light")
    write_artifact(folder / "m.golf", sample_draft())
    (folder / "report.json").write_text(run(folder, "inspect", "m.golf", "--json").stdout)
    return folder


def test_every_command_is_in_a_list():
    assert {name.split()[0] for name in NEEDS} | ALWAYS >= set(main.COMMANDS)


@pytest.mark.parametrize("name", RUNS)
def test_it_runs(name, folder):
    done = run(folder, *RUNS[name])
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("name", NEEDS)
def test_it_says_what_to_type(name, folder):
    done = run(folder, *name.split(), *NEEDS[name])
    assert done.returncode == 3 and not done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith(f"golfctl: golfctl {name} needs ") and "pip install 'golfctl[" in line
    if "torch" in line:
        assert "CUDA" in line and "CPU" in line


@pytest.mark.parametrize("name", ["compare", "submission"])
def test_judging_runs(name, folder):
    (folder / "record").mkdir(exist_ok=True)
    arguments = ["compare", "a.json", "--", "b.json"] if name == "compare" else ["submission", "check", "record"]
    done = run(folder, *arguments)
    assert done.returncode == {"compare": 3, "submission": 6}[name]
    assert "pip install" not in done.stderr and "Traceback" not in done.stderr


def test_schemas_are_those_of_a_full_install(folder):
    code = f"{HIDE}import json\nfrom golfctl.cli.schema_table import SCHEMAS, schema_of\n"
    code += "print(json.dumps({name: schema_of(name) for name in SCHEMAS}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True)
    assert json.loads(done.stdout) == {name: json.loads(json.dumps(SCHEMAS[name]())) for name in SCHEMAS}


def test_what_the_import_system_says_later_is_explained_too(monkeypatch, capsys):
    def broken(args, **settings):
        raise ModuleNotFoundError("No module named 'triton'", name="triton")

    monkeypatch.setattr(main.group, "main", broken)
    assert main.exit_code_of(["doctor"]) == 3
    assert capsys.readouterr().err == "golfctl: triton is not installed: pip install triton\n"
