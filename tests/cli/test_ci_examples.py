"""The CI examples do what they say: exit codes of the script, commands of the workflow."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from golfctl.artifact import write_artifact
from golfctl.cli.main import exit_code_of
from tests.samples import sample_draft

CI = Path(__file__).parents[2] / "examples" / "ci"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a `golfctl` on PATH and three artifacts."""
    monkeypatch.chdir(tmp_path)
    binary = tmp_path / "bin" / "golfctl"
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m golfctl "$@"\n')
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(CI.parents[1]))
    good = write_artifact(tmp_path / "good.golf", sample_draft())
    write_artifact(tmp_path / "large.golf", sample_draft(coder="raw/1"))
    (tmp_path / "bad.golf").write_bytes(good[:-1])
    return tmp_path


def check(*arguments):
    return subprocess.run([CI / "check_artifacts.sh", *arguments], capture_output=True, text=True)


def test_script(folder):
    good, large = ((folder / name).stat().st_size for name in ("good.golf", "large.golf"))
    assert good < large
    assert check("parameter-golf", "good.golf", "large.golf").returncode == 0
    over = check(str(good + 12), "good.golf", "large.golf")
    assert over.returncode == 5 and "over budget by" in over.stderr
    damaged = check("parameter-golf", "bad.golf", "good.golf")
    assert damaged.returncode == 4 and "rule file-length broken" in damaged.stderr


def test_commands_of_the_workflow(folder, capsys):
    text = (CI / "github-actions.yml").read_text()
    commands = re.findall(r"golfctl (inspect [^>\n]*)", text)
    assert len(commands) == 2
    for command in commands:
        words = command.replace('"', "").replace("$ARTIFACT", "good.golf").replace("$BUDGET", "parameter-golf")
        assert exit_code_of(words.replace("base.golf", "large.golf").split()) == 0
        assert capsys.readouterr().out
    words = ["inspect", "good.golf", "--verify", "--budget", "100", "--json"]
    assert exit_code_of(words) == 5 and exit_code_of([*words[:1], "bad.golf", *words[2:]]) == 4


def test_hook_runs_the_script_on_artifacts_only():
    text = (CI / "pre-commit-config.yaml").read_text()
    assert "entry: examples/ci/check_artifacts.sh parameter-golf" in text and r"files: \.golf$" in text
