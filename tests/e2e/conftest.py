"""One small trained and packed run that the end-to-end tests share, made with the command line alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HANG_SECONDS


def golfctl(*arguments, cwd, expect=0, env=None):
    """Run the command line in its own process; returns the finished process."""
    done = subprocess.run(
        [sys.executable, "-m", "golfctl", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=HANG_SECONDS,
    )  # fmt: skip
    assert done.returncode == expect, (
        f"golfctl {' '.join(map(str, arguments))}: {done.returncode}\n{done.stderr[-4000:]}"
    )
    assert "Traceback" not in done.stderr or expect == 1, done.stderr[-4000:]
    return done


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """A cache folder for the embedded corpus, so that it is built once a session."""
    return {"GOLFCTL_CACHE": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="session")
def chain(tmp_path_factory, shared_cache) -> Path:
    """The folder in which train, pack and eval ran with no argument but a short clock."""
    folder = tmp_path_factory.mktemp("chain")
    golfctl("train", "--set", "train.seconds=10", cwd=folder, env=shared_cache)
    golfctl("pack", "--bits", "6", "--lzma", "9", cwd=folder, env=shared_cache)
    golfctl("eval", "--report", "eval.json", cwd=folder, env=shared_cache)
    return folder
