"""Install, upgrade, remove, install editable, in one environment; read-only installs; homes that cannot be written."""

import shutil
import subprocess

import pytest

import golfctl
from tests.installs.conftest import NEXT, ROOT, isolation, source_tree

pytestmark = pytest.mark.slow
RANS = ROOT / "tests" / "golden" / "packed" / "entropy-rans.golf"
SUITE = ["unit/core/test_canonical.py", "unit/core/test_files.py", "unit/core/machine/test_libraries.py",
         "cli/test_entry.py", "unit/artifact/test_reader.py", "unit/coding/rans/test_coder.py"]  # fmt: skip
KERNELS = (
    "from golfctl.scoring.counts.context_counts import locate; "
    "from golfctl.quant.rounding.feedback_loop import round_columns"
)


def works(environment, version, tmp_path):
    """The command says its version, decodes with compiled loops, and its tests pass, away from any source tree."""
    home = tmp_path / "home"
    said = environment.golfctl("--version", home=home, cwd=tmp_path)
    assert said.stdout == f"golfctl, version {version}\n", said.stderr
    decoded = environment.golfctl("inspect", RANS, "--verify", home=home, cwd=tmp_path)
    assert decoded.returncode == 0, decoded.stderr
    subprocess.run([environment.python, "-c", KERNELS], check=True, cwd=tmp_path, env={"HOME": str(home)})
    away = tmp_path / "away"
    if not away.exists():
        shutil.copytree(ROOT / "tests", away / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", away)
    command = [environment.python, "-m", "pytest", "-q", "-x", *(f"tests/{name}" for name in SUITE)]
    tested = subprocess.run(command, capture_output=True, text=True, cwd=away, env={"HOME": str(home)})
    assert tested.returncode == 0, tested.stdout[-3000:]


def test_one_environment_through_every_order(wheels, environment, tmp_path):
    this, following = wheels
    full = environment("dev")
    full.pip("install", "--no-deps", "--no-index", this)
    installed = full.files()
    works(full, golfctl.__version__, tmp_path)
    assert full.files() == installed, "golfctl wrote into its own installation"
    full.pip("install", "--no-deps", "--no-index", following)
    works(full, NEXT, tmp_path)
    full.pip("uninstall", "-y", "golfctl")
    assert full.folders() == []
    tree = source_tree(tmp_path / "clone")
    full.pip("install", "--no-deps", *isolation(), "-e", tree)
    works(full, golfctl.__version__, tmp_path)
    full.pip("uninstall", "-y", "golfctl")
    assert full.folders() == []
    assert not list(tree.rglob("*.nb?")) and not list(tree.glob("*egg-info"))


def test_what_an_older_version_left_behind_does_not_shadow(wheels, environment, tmp_path):
    full = environment("dev")
    left = full.site / "golfctl" / "scoring" / "__pycache__" / "counts._slot-29.py311.nbi"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"compiled by an older version")
    full.pip("install", "--no-deps", *isolation(), "-e", source_tree(tmp_path / "clone"))
    works(full, golfctl.__version__, tmp_path)
    full.pip("install", "--no-deps", "--no-index", wheels[1])
    works(full, NEXT, tmp_path)


@pytest.mark.parametrize("home", ["/dev/null/home", None])
def test_nothing_can_be_written(wheels, environment, tmp_path, home):
    full = environment("dev")
    full.pip("install", "--no-deps", "--no-index", wheels[0])
    for path in [full.site, *full.site.glob("golfctl/**/")]:
        path.chmod(0o555)
    before = full.files()
    homeless = {} if home else {"XDG_CACHE_HOME": "/dev/null/caches"}
    try:
        done = full.golfctl("inspect", RANS, "--verify", home=home or tmp_path / "none", cwd=tmp_path, **homeless)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr and full.files() == before
    finally:
        for path in [full.site, *full.site.glob("golfctl/**/")]:
            path.chmod(0o755)
