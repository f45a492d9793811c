"""`golfctl compress` and `golfctl decompress`: round trips, and one sentence and nothing written where it cannot be."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from golfctl.cli.main import exit_code_of
from golfctl.cli.schema_table import schema_of

WORDS = ["Chapter", "The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "well", "known"]
PROSE = " ".join(np.random.default_rng(3).choice(WORDS, 80)) + "\n"


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    """A folder of its own, with the artifact of the shared run and a text that its model compresses."""
    monkeypatch.chdir(tmp_path)
    Path("m.golf").write_bytes((folder / "runs/tiny/model.golf").read_bytes())
    Path("text").write_text(PROSE)
    return tmp_path


def run(*words):
    return exit_code_of([*words, "--quiet"])


def document(capsys, name):
    found = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_of(name)).validate(found)
    return found


def test_a_text_comes_back(here, capsys):
    assert run("compress", "text", "-m", "m.golf", "-o", "file", "--lanes", "2", "--json", "--no-store") == 0
    made = document(capsys, "compress")
    assert made["coding"] == "rows" and made["lanes"] == 2 and made["verified"] and made["tokens"] > 100
    assert made["file_bytes"] == Path("file").stat().st_size
    assert run("decompress", "file", "-m", "m.golf", "-o", "again", "--json") == 0
    found = document(capsys, "decompress")
    assert Path("again").read_text() == PROSE
    assert {**made, "seconds": 0, "tokens_per_second": 0, "schema": 0, "verified": 0} == {
        **found, "seconds": 0, "tokens_per_second": 0, "schema": 0, "verified": 0,
    }  # fmt: skip


def test_equal_texts_give_equal_files(here):
    for name, more in (("one", ()), ("two", ("--no-verify",))):
        assert run("compress", "text", "-m", "m.golf", "-o", name, "--no-store", *more) == 0
    assert Path("one").read_bytes() == Path("two").read_bytes()


@pytest.mark.parametrize("text", [b"", b"\0", b"\xff\xfe\xfa" * 50, PROSE.encode() + b"\xff\n"])
def test_any_bytes_come_back(here, text):
    Path("text").write_bytes(text)
    assert run("compress", "text", "-m", "m.golf", "-o", "file", "--embed", "--no-store") == 0
    assert run("decompress", "file", "-o", "again") == 0
    assert Path("again").read_bytes() == text


def test_same_machine(here, capsys):
    assert run("compress", "text", "-m", "m.golf", "-o", "file", "--same-machine", "--json", "--no-store") == 0
    assert document(capsys, "compress")["arithmetic"].startswith("same-machine/")
    assert run("decompress", "file", "-m", "m.golf", "-o", "again") == 0
    assert Path("again").read_text() == PROSE


def test_the_latest_run_is_the_default(folder, tmp_path):
    (tmp_path / "text").write_text(PROSE)
    assert run("compress", str(tmp_path / "text"), "-o", str(tmp_path / "file"), "--no-store") == 0
    assert run("decompress", str(tmp_path / "file"), "-o", str(tmp_path / "again")) == 0
    assert (tmp_path / "again").read_text() == PROSE


def test_pipes(here):
    command = [sys.executable, "-m", "golfctl", "compress", "-m", "m.golf", "--quiet", "--no-store"]
    packed = subprocess.run(command, input=PROSE.encode(), capture_output=True, check=True)
    command = [sys.executable, "-m", "golfctl", "decompress", "-m", "m.golf", "--quiet"]
    found = subprocess.run(command, input=packed.stdout, capture_output=True, check=True)
    assert found.stdout == PROSE.encode()


def test_what_cannot_be_decoded_is_one_sentence_and_no_file(here, capsys):
    assert run("compress", "text", "-m", "m.golf", "-o", "file", "--no-store") == 0
    data = Path("file").read_bytes()
    cases = {
        "cut": (data[:-3], 4), "longer": (data + b"x", 4), "empty": (b"", 4), "magic": (b"PK" + data[2:], 4),
        "version": (data[:8] + b"\2" + data[9:], 4), "damaged": (data[:-9] + b"?" + data[-8:], 4),
    }  # fmt: skip
    for name, (changed, code) in cases.items():
        Path(name).write_bytes(changed)
        capsys.readouterr()
        assert run("decompress", name, "-m", "m.golf", "-o", "never") == code, name
        assert len(capsys.readouterr().err.strip().split("\n")) == 1
    Path("other.golf").write_bytes(Path("m.golf").read_bytes()[:-1])
    for words in (["-m", "other.golf"], []):
        assert run("decompress", "file", *words, "-o", "never") == 3
        assert "-m" in capsys.readouterr().err
    assert not Path("never").exists() and not list(here.glob(".*"))


def test_contradictions(here, capsys):
    for words in (["-o", "-", "--json"], ["-o", "text"], ["-o", "f", "--set", "allow_leaks=true", "--set",
                  "adapt_then_score=true"], ["-o", "f", "--lanes", "99999999"]):  # fmt: skip
        assert run("compress", "text", "-m", "m.golf", *words) in (2, 3), words
    assert run("compress", "missing", "-m", "m.golf", "-o", "f") == 3
    assert sorted(path.name for path in here.iterdir()) == ["m.golf", "text"]


@pytest.mark.slow
def test_an_interrupt_leaves_nothing(here):
    Path("text").write_text(PROSE * 400)
    command = [sys.executable, "-m", "golfctl", "compress", "text", "-m", "m.golf", "-o", "file", "--no-store"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    time.sleep(15)
    process.send_signal(signal.SIGINT)
    assert process.wait(1800) == 130
    assert sorted(path.name for path in here.iterdir()) == ["m.golf", "text"]
