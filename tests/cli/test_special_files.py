"""Pipes, devices, sockets and folders where a file is expected: a sentence and exit code 3, unopened, never a hang."""

import contextlib
import os
import signal
import socket

import pytest

from golfctl.cli.main import exit_code_of
from tests.patience import HANG_SECONDS

SENTENCES = {
    "pipe": "it is a pipe, which can be read only once",
    "device": "it is a device, which has no end",
    "socket": "it is a socket",
    "folder": "Is a directory",
}
TAKE_FOLDERS = (
    "inspect",
    "pack",
    "data build",
    "data tokenizer",
    "data verify --text",
    "compare",
)  # and say other things
COMMANDS = {
    "inspect": ("inspect", "{}.golf"),
    "inspect --verify": ("inspect", "--verify", "--json", "{}.golf"),
    "inspect --diff": ("inspect", "--diff", "{}.golf", "runs/tiny/model.golf"),
    "pack": ("pack", "{}.safetensors", "-o", "made.golf"),
    "pack --code": ("pack", "--code", "{}.golf", "-o", "made.golf"),
    "import": ("import", "{}.golf", "-o", "made.safetensors"),
    "eval": ("eval", "{}.golf", "--data", "data/books"),
    "eval a checkpoint": ("eval", "{}.safetensors", "--data", "data/books"),
    "audit": ("audit", "{}.golf", "--data", "data/books"),
    "compare": ("compare", "{}.json", "--", "{}.json"),
    "schema": ("schema", "eval-report", "{}.json"),
    "train": ("train", "{}.toml"),
    "data build": ("data", "build", "{}.txt", "-o", "made"),
    "data build --validation": ("data", "build", "books.jsonl", "--validation", "{}.txt", "-o", "made"),
    "data build --tokenizer": ("data", "build", "books.jsonl", "--tokenizer", "{}.model", "-o", "made"),
    "data tokenizer": ("data", "tokenizer", "{}.txt", "-o", "made.model"),
    "data verify --text": ("data", "verify", "data/books", "--text", "{}.txt"),
    "data verify": ("data", "verify", "{}-data"),
}


@pytest.fixture
def limit():
    """A command that hangs ends here."""

    def expire(number, frame):
        raise AssertionError("the command waits for something")

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(int(HANG_SECONDS))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def make(kind, path):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)  # a whole path may be too long for a socket
    else:
        path.mkdir()


@pytest.fixture(params=SENTENCES)
def special(request, folder, tmp_path, monkeypatch):
    for name in ("runs", "data", "books.jsonl"):
        (tmp_path / name).symlink_to(folder / name)
    monkeypatch.chdir(tmp_path)
    for ending in (".golf", ".safetensors", ".json", ".toml", ".txt", ".model"):
        make(request.param, tmp_path / f"{request.param}{ending}")
    data = tmp_path / f"{request.param}-data"
    data.mkdir()
    (data / "tokenizer.model").symlink_to(folder / "data/books/tokenizer.model")
    make(request.param, data / "fineweb_val_000000.bin")
    return request.param


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_no_file_is_said_in_one_line(special, name, capsys, limit, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    assert exit_code_of([word.format(special) for word in COMMANDS[name]]) == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("golfctl: ")
    if special != "folder" or not name.startswith(TAKE_FOLDERS) or name.endswith(("--code", "--tokenizer")):
        assert "cannot read" in last and SENTENCES[special] in last
    assert sorted(tmp_path.rglob("*")) == before


def test_a_pipe_that_somebody_writes_to_is_refused_too(folder, capsys, limit):
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        stream.write(b'{"text": "a"}\n')
    try:
        assert exit_code_of(["data", "build", f"/dev/fd/{reading}", "-o", "made", "--quiet"]) == 3
        assert "it is a pipe, which can be read only once; write what it brings to a file" in capsys.readouterr().err
    finally:
        os.close(reading)
