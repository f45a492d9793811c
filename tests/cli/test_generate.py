"""`golfctl generate`: the same text for a seed, shown as it comes, and one sentence where it cannot be."""

import json
import os
import pty
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from golfctl.cli.main import exit_code_of
from golfctl.cli.schema_table import schema_of


@pytest.fixture
def artifact(folder):
    return str(folder / "runs/tiny/model.golf")


def written(capsys, *words):
    assert exit_code_of(["generate", *words, "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_of("generate")).validate(found)
    return found


def test_a_seed_gives_a_text(artifact, capsys):
    first, again = (written(capsys, artifact, "--tokens", "20", "--prompt", "Chapter") for _ in range(2))
    other = written(capsys, artifact, "--tokens", "20", "--prompt", "Chapter", "--seed", "5")
    assert first["ids"] == again["ids"] and first["text"] == again["text"] != other["text"]
    assert first["bits"] == again["bits"] > 0 and first["tokens"] == len(first["ids"]) == 20


def test_people_see_the_prompt_and_the_text(artifact, capsys):
    found = written(capsys, artifact, "--tokens", "8", "--prompt", "The quick")
    assert exit_code_of(["generate", artifact, "--tokens", "8", "--prompt", "The quick", "--quiet"]) == 0
    assert capsys.readouterr().out == f"The quick{found['text']}\n"


def test_texts_may_be_longer_than_the_context(artifact, capsys):
    found = written(capsys, artifact, "--tokens", "40", "--seq-len", "8", "--same-machine")
    assert found["tokens"] == 40 and found["settings"]["stack"]["seq_len"] == 8


def test_counts_and_a_run_folder(folder, capsys):
    found = written(capsys, str(folder / "runs/tiny"), "--tokens", "12", "--ngram", "3", "--same-machine")
    assert found["settings"]["stack"]["ngram"]["order"] == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--temperature", "-1"], "temperature -1"),
        (["--top-p", "0"], "top-p 0"),
        (["--top-p", "1.5"], "top-p 1.5"),
        (["--seed", "-1"], "seed -1"),
        (["--set", "ttt.form=elephant"], "ttt"),
    ],
)
def test_refusals_are_one_line(artifact, capsys, words, says):
    assert exit_code_of(["generate", artifact, "--quiet", *words]) in (2, 3)
    said = capsys.readouterr()
    assert said.out == "" and says in said.err and said.err.count("\n") == 1


def test_nothing_acts_on_a_terminal(artifact):
    ours, theirs = pty.openpty()
    words = ["generate", artifact, "--tokens", "1", "--quiet", "--same-machine", "--prompt", "Chapter\x1b[31m\x07"]
    ended = subprocess.run(
        [sys.executable, "-m", "golfctl", *words], stdout=theirs, stderr=subprocess.PIPE, timeout=300, check=False
    )
    os.close(theirs)
    shown = os.read(ours, 4096)
    os.close(ours)
    assert ended.returncode == 0 and b"\\x1b[31m\\x07" in shown and b"\x1b" not in shown
