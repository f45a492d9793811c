"""A failure in the form that was asked for: one JSON document on stdout whenever `--json` was, at every exit code."""

import json
import subprocess
import sys

import click
import pytest
from jsonschema import Draft202012Validator

from golfctl import errors
from golfctl.artifact import RuleError
from golfctl.cli import main
from golfctl.cli.options import json_option
from golfctl.cli.reply import KINDS, asked_form
from golfctl.cli.schema_table import schema_of
from golfctl.cli.views.render import emit_json


def failing(monkeypatch, error, first=None):
    @click.command()
    @json_option
    @click.option("--format", "form")
    def command(as_json, form):
        if first is not None:
            emit_json(first)
        raise error

    monkeypatch.setattr(main, "group", command)


def only_document(capsys):
    value = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_of("error")).validate(value)
    return value


@pytest.mark.parametrize(
    "error",
    [errors.UsageError, errors.InputError, errors.ArtifactError, errors.BudgetError, errors.VerdictError,
     errors.InterruptedRun, KeyboardInterrupt, click.UsageError, click.exceptions.Abort],
)  # fmt: skip
def test_every_exit_code_has_its_document(error, monkeypatch, capsys):
    failing(monkeypatch, error("what, where, what to do") if error is not click.exceptions.Abort else error())
    code = main.exit_code_of(["--json"])
    document = only_document(capsys)
    assert document["exit_code"] == code and document["kind"] == KINDS[code] and document["message"]


def test_a_bug_has_its_document_too(monkeypatch, capsys):
    failing(monkeypatch, ZeroDivisionError("x"))
    with pytest.raises(ZeroDivisionError):
        main.exit_code_of(["--json"])
    assert only_document(capsys)["kind"] == "bug"


def test_a_result_that_stands_is_not_followed_by_another_document(monkeypatch, capsys):
    failing(monkeypatch, errors.BudgetError("over"), first={"a": 1})
    assert main.exit_code_of(["--json"]) == 5
    captured = capsys.readouterr()
    assert captured.out == '{"a":1}\n' and captured.err == "golfctl: over\n"


def test_details_of_a_broken_rule(monkeypatch, capsys):
    failing(monkeypatch, RuleError("magic", "preamble", 0, 1, b"\x1b[2J"))
    assert main.exit_code_of(["--json"]) == 4
    details = only_document(capsys)["details"]
    assert details == {"rule": "magic", "section": "preamble", "offset": 0, "expected": "1", "found": "1b 5b 32 4a"}


def test_a_message_stays_on_one_line(monkeypatch, capsys):
    failing(monkeypatch, errors.InputError("no such file: a\n::error::b\x1b[2J\udcff ##[group]"))
    assert main.exit_code_of(["--json"]) == 3
    captured = capsys.readouterr()
    line = r"no such file: a\n::error::b\x1b[2J\udcff #\x23[group]"
    assert captured.err == f"golfctl: {line}\n" and json.loads(captured.out)["message"] == line


def test_other_forms(monkeypatch, capsys):
    failing(monkeypatch, errors.InputError("100% of `a|b`"))
    assert main.exit_code_of(["--format", "github"]) == 3
    assert capsys.readouterr().out == "::error title=golfctl::100%25 of `a|b`\n"
    assert main.exit_code_of(["--format=markdown"]) == 3
    assert capsys.readouterr().out == "**Failed:** 100&#37; of &#96;a&#124;b&#96;\n"
    assert main.exit_code_of([]) == 3
    assert capsys.readouterr().out == ""


def test_only_the_first_process_of_several_answers(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    failing(monkeypatch, errors.InputError("x"))
    assert main.exit_code_of(["--json"]) == 3 and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "form"),
    [
        (["inspect", "--json"], "json"),
        (["inspect", "--", "--json"], "text"),
        (["--format", "github", "--json"], "json"),
        (["--format=json"], "json"),
        (["--format"], ""),
        ([], "text"),
    ],
)
def test_the_form_is_read_from_the_words(words, form):
    assert asked_form(words) == form


COMMANDS = [
    ["inspect", "none.golf"], ["inspect", "--no-such-option"], ["inspect", "x", "--budget", "16MB"],
    ["eval", "none.golf"], ["audit", "none.golf"], ["compare", "none.json", "--", "nothing.json"],
    ["train", "none.toml"], ["pack", "none"], ["import", "none.pt"], ["data", "verify", "none"],
    ["submission", "check", "none"], ["no-such-command"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_real_commands_answer(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    at = words.index("--") if "--" in words else len(words)
    code = main.exit_code_of([*words[:at], "--json", *words[at:]])
    assert code in (2, 3) and only_document(capsys)["exit_code"] == code


def test_a_closed_pipe_takes_neither_the_line_nor_the_code(tmp_path):
    command = f"{sys.executable} -m golfctl inspect none.golf --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stderr == "golfctl: no such file: none.golf\n" and done.returncode == 3
