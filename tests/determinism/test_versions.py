"""Other versions of Python and zstandard: the same container bytes and decoded tensors (design, determinism a, c).

Other interpreters are taken from PATH and `GOLFCTL_PYTHONS`, other zstandard installations (made with
`pip install --target DIR zstandard==0.22.0`) from `GOLFCTL_ZSTANDARDS`; both lists are separated as PATH is.
`.ci/versions` provides them.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.determinism.probe import container, zstd

PROBE = Path(__file__).with_name("probe.py")
pytestmark = pytest.mark.slow


def version_of(python):
    command = [python, "-c", "import sys, lzma; print(sys.version_info[:2] >= (3, 11), *sys.version_info[:3])"]
    shown = subprocess.run(command, capture_output=True, text=True)
    return shown.stdout.split() if shown.returncode == 0 else ["False"]


def other_pythons():
    """Interpreters of another minor version that work, one each."""
    found = {}
    names = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    for python in [*os.environ.get("GOLFCTL_PYTHONS", "").split(os.pathsep), *filter(None, names)]:
        usable, *version = version_of(python) if python else ["False"]
        if usable == "True" and tuple(map(int, version[:2])) != sys.version_info[:2]:
            found.setdefault(tuple(version[:2]), python)
    return list(found.values())


def probe(python, *arguments, path=""):
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": path,
        "PYTHONHASHSEED": "7",
        "HOME": os.environ.get("HOME", ""),
    }
    shown = subprocess.run([python, str(PROBE), *arguments], env=environment, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def test_other_pythons_give_the_same_bytes_and_tensors():
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other Python here; .ci/versions provides some")
    for python in pythons:
        assert probe(python) == container(), python


def test_other_zstandards_decode_alike():
    folders = [folder for folder in os.environ.get("GOLFCTL_ZSTANDARDS", "").split(os.pathsep) if folder]
    if not folders:
        pytest.skip("no other zstandard here; .ci/versions provides some")
    here = zstd()
    for folder in folders:
        there = probe(sys.executable, "zstd", path=folder)
        assert there["version"] != here["version"], "this is the same zstandard"
        assert there["tensors"] == here["tensors"]
        for payload in there["payloads"]:  # written there, read here
            from golfctl.coding import decode
            from tests.golden.make import bell

            assert (decode("zstd/1", bytes.fromhex(payload), "int8", (64, 48)) == bell(3, (64, 48), 40)).all()
