"""Ctrl-C at any moment of any command: exit code 130, one line, nothing half-written."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from tests.patience import HANG_SECONDS

pytestmark = pytest.mark.slow

COMMANDS = {
    "train": ["train", "--set", "train.seconds=600", "--out", "runs/new-{}"],
    "resume": ["train", "--resume", "--out", "runs/quickstart"],
    "pack": ["pack", "--lzma", "9", "-o", "other.golf"],
    "inspect": ["inspect", "--verify"],
    "eval": ["eval", "--report", "other.json"],
    "data": ["data", "build", "texts", "--vocab", "300", "--out", "built-{}"],
    "quickstart": ["quickstart", "--out", "runs/quick-{}"],
}


@pytest.fixture(scope="module")
def folder(chain, tmp_path_factory):
    copy = tmp_path_factory.mktemp("interrupt") / "folder"
    shutil.copytree(chain, copy)
    (copy / "texts").mkdir()
    for number in range(40):
        (copy / "texts" / f"{number}.txt").write_text(f"Text number {number}. " * 4000)
    return copy


# The interpreter's own start is not ours: the clock of a test begins when it hands over.
LAUNCH = "import sys; print('started', flush=True); from golfctl.__main__ import run; run()"


@pytest.mark.parametrize("seconds", [0.1, 1.0, 4.0])
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_interrupt(folder, shared_cache, name, seconds):
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, *(word.format(seconds) for word in COMMANDS[name])],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **shared_cache},
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    try:
        _, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=HANG_SECONDS)
    assert "Traceback" not in err, err[-2000:]
    assert process.returncode in (0, 130), (process.returncode, err[-2000:])
    assert not [path for path in folder.rglob("*") if path.suffix == ".tmp"]
