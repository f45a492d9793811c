"""The two make targets on a fresh clone: cold, warm, and after a change of what is installed."""

import os
import shutil
import subprocess
import sys

import pytest

from golfctl.core.machine.libraries import installed
from tests.installs.conftest import BACKEND, Environment, source_tree

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("make"), reason="make is not here")]


def test_quickstart_and_test_from_a_bare_clone(tmp_path):
    clone, home = source_tree(tmp_path / "clone with a space"), tmp_path / "home"
    home.mkdir()
    Environment(clone / ".venv", "dev")  # the libraries, as links, so that nothing large is fetched; no golfctl
    settings = os.environ | {"HOME": str(home), "PIP_NO_CACHE_DIR": "1", "PIP_NO_DEPS": "1"}
    for name in ("GOLFCTL_CACHE", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "PYTHONPATH"):
        settings.pop(name, None)
    if installed(BACKEND):
        settings["PIP_NO_BUILD_ISOLATION"] = "0"  # pip reads this as: no isolation

    def make(*arguments):
        command = ["make", f"PYTHON={sys.executable}", *arguments]
        return subprocess.run(command, cwd=clone, env=settings, capture_output=True, text=True)

    cold = make("quickstart", "ARGS=--seconds 3")
    assert cold.returncode == 0, cold.stderr[-3000:]
    assert "pip install" in cold.stdout and (clone / "runs/quickstart/model.golf").is_file()
    warm = make("test", "ARGS=tests/unit/core/test_canonical.py tests/cli/test_boundary.py")
    assert warm.returncode == 0 and "pip install" not in warm.stdout, warm.stdout[-3000:]
    assert "pip" not in make("-n", "quickstart").stdout
    again = make("quickstart", "ARGS=--seconds 3")
    assert again.returncode == 0 and (clone / "runs/quickstart-2/model.golf").is_file(), again.stderr[-3000:]
    assert {path.name for path in home.iterdir()} <= {".rustup"}  # pip asks rustc for its version, which leaves this
    with (clone / ".ci/constraints.txt").open("a") as constraints:
        constraints.write("# another\n")
    assert "pip install" in make("-n", "test").stdout


def test_an_old_python_is_named(tmp_path):
    clone = source_tree(tmp_path / "clone")
    old = tmp_path / "python3.9"
    old.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; sys.version_info = (3, 9); $2"\n')
    old.chmod(0o755)
    done = subprocess.run(["make", f"PYTHON={old}", "test"], cwd=clone, capture_output=True, text=True)
    assert done.returncode and "needs Python 3.11 or newer" in done.stderr and not (clone / ".venv").exists()
