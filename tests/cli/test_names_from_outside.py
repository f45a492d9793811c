"""Names that are no UTF-8, through the whole chain, in a Latin-1 process: shown escaped, stored whole."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from golfctl.cli.main import exit_code_of
from golfctl.core.journal import read_journal

ODD = os.fsdecode(b"caf\xe9 \x1b[31m\xe2\x80\xae")
LATIN = {
    "LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
}  # fmt: skip


@pytest.fixture
def odd(run_folder, tmp_path, monkeypatch):
    """A folder of that name with data, text and a packed run."""
    folder = tmp_path / ODD
    shutil.copytree(run_folder, folder)
    monkeypatch.chdir(folder)
    (folder / "books.jsonl").rename(folder / f"{ODD}.jsonl")
    (folder / "runs/tiny").rename(folder / "runs" / ODD)
    return folder


def golfctl(*words, **environment):
    command = [sys.executable, "-m", "golfctl", *words]
    done = subprocess.run(command, capture_output=True, env={**os.environ, **environment}, check=False)
    assert b"Traceback" not in done.stderr and not set(done.stdout + done.stderr) & {0x1B, 0xE9}, words
    return done


def test_the_sample_case(odd):
    done = golfctl("data", "build", f"{ODD}.jsonl", "--vocab", "340", "--holdout", "0.2", "-o", f"new {ODD}", **LATIN)
    assert done.returncode == 0, done.stderr
    assert b"source                caf\\udce9 \\x1b[31m" in done.stdout
    done = golfctl("data", "verify", f"new {ODD}", "--json", **LATIN)
    assert done.returncode == 0 and os.fsencode(json.loads(done.stdout)["dataset"]["path"]) == os.fsencode(f"new {ODD}")


def test_the_chain_in_one_process(odd, capfdbinary):
    run, data = f"runs/{ODD}", os.fsdecode(os.fsencode(Path.cwd() / "data/books"))
    commands = [
        ["pack", run, "--coder", "zstd:1", "--data", data],
        ["inspect", f"{run}/model.golf"],
        ["inspect", f"{run}/model.golf", "--json", "--report", f"{ODD}.json"],
        ["eval", f"{run}/model.golf", "--data", data, "--documents", "2", "--report", f"{ODD} eval.json"],
        ["audit", f"{run}/model.golf", "--data", data, "--only", "T6", "--report", f"{ODD} audit.json"],
        ["import", *map(str, Path(run).glob("*.safetensors")), "-o", f"{ODD}.safetensors"],
    ]
    for command in commands:
        assert exit_code_of(command) == 0, command
        out, err = capfdbinary.readouterr()
        assert not set(out + err) & {0x1B, 0xE9}, command
    found = json.loads(Path(f"{ODD}.json").read_bytes())
    assert os.fsencode(found["path"]) == os.fsencode(f"{run}/model.golf")
    records = read_journal(Path(run) / "journal.jsonl").records
    assert records[-2].kind == "eval" and os.fsencode(records[-2].body["data"]) == os.fsencode(data)


def test_a_stored_name_that_the_locale_lacks(tmp_path):
    (tmp_path / "r.toml").write_text('[data]\npath = "caf\u00e9"\n[train]\nsteps = 1\n', encoding="utf-8")
    words = ["train", str(tmp_path / "r.toml"), "--out", str(tmp_path / "run")]
    done = golfctl(*words, **{**LATIN, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 3 and b"no such dataset folder" in done.stderr


def test_latin_1_spells_out_what_it_lacks(odd):
    done = golfctl("inspect", f"runs/{ODD}/model.golf", **LATIN)
    assert done.returncode == 0 and b"\\udce9" in done.stdout and b"340\xd732" in done.stdout
    done = golfctl("inspect", "none \u2026", **{**LATIN, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 3 and done.stderr.startswith(b"golfctl: no such file: none ")


@pytest.mark.skipif(sys.platform != "linux", reason="pseudo-terminals as Linux has them")
def test_embedded_code_is_spelled_out_on_a_terminal_and_whole_elsewhere(tmp_path):
    import pty

    code = tmp_path / "raw.py"
    words = "from golfctl.cli.views.terminal import echo_bytes; echo_bytes(b'a\\tb\\x1b[2J\\xff\\n')"
    code.write_text(words)
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, str(code)], stdout=follower, check=True)
    assert os.read(leader, 100).replace(b"\r\n", b"\n").expandtabs() == b"a\tb\\x1b[2J\\udcff\n".expandtabs()
    os.close(leader), os.close(follower)
    assert subprocess.run([sys.executable, str(code)], capture_output=True).stdout == b"a\tb\x1b[2J\xff\n"
