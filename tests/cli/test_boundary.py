"""The error boundary: one line and an exit code, no traceback; `--help` stays light."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from golfctl import errors
from golfctl.cli import main


def every_error():
    pending = [errors.GolfError]
    while pending:
        error = pending.pop()
        pending += error.__subclasses__()
        if error is not errors.GolfError and error.__module__ == errors.__name__:
            yield error


@pytest.mark.parametrize("error", list(every_error()), ids=lambda e: e.__name__)
def test_every_error_is_one_line_and_its_exit_code(error, monkeypatch, capsys):
    @click.command()
    def failing():
        raise error("what, where, what to do")

    monkeypatch.setattr(main, "group", failing)
    assert main.exit_code_of([]) == error.exit_code
    captured = capsys.readouterr()
    assert captured.err == "golfctl: what, where, what to do\n" and captured.out == ""
    assert error.exit_code in (2, 3, 4, 5, 6, 130)


def test_ctrl_c_is_130(monkeypatch, capsys):
    @click.command()
    def stopped():
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "group", stopped)
    assert main.exit_code_of([]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_bug_of_ours_still_shows_its_traceback(monkeypatch):
    @click.command()
    def broken():
        raise ZeroDivisionError

    monkeypatch.setattr(main, "group", broken)
    with pytest.raises(ZeroDivisionError):
        main.exit_code_of([])


def test_usage_errors_are_2(capsys):
    assert main.exit_code_of(["--no-such-option"]) == 2
    assert main.exit_code_of(["no-such-command"]) == 2


@pytest.mark.parametrize("name", sorted(main.COMMANDS))
def test_every_command_has_help_and_stays_light(name):
    code = f"""
import sys
from golfctl.cli.main import exit_code_of
assert exit_code_of([{name!r}, "--help"]) == 0
heavy = {{"torch", "numba", "matplotlib", "sentencepiece", "pydantic"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage: golfctl" in done.stdout and "--help" in done.stdout


def test_top_level_help_lists_every_command():
    done = subprocess.run([sys.executable, "-m", "golfctl", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    shown = " ".join(done.stdout.split())  # help is wrapped to the width of the terminal
    for name, (_, text) in main.COMMANDS.items():
        assert f"{name} {text}" in shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_a_line_and_no_traceback():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "golfctl", "schema"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == errors.StorageError.exit_code
    assert done.stderr == "golfctl: no room left where standard output goes: free space and retry\n"
