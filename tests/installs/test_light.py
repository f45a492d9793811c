"""The wheel with what it declares and no more: inspection, schemas and comparisons work, the rest says what to type."""

import subprocess

import pytest

from tests.cli.test_light_install import NEEDS
from tests.installs.conftest import ROOT, closure, declared, size_bytes

pytestmark = pytest.mark.slow
PACKED = ROOT / "tests" / "golden" / "packed"


def test_the_light_install(wheels, environment, tmp_path):
    light = environment("")
    light.pip("install", "--no-deps", "--no-index", wheels[0])
    missing = subprocess.run([light.python, "-c", "import torch"], capture_output=True)
    assert missing.returncode == 1

    def run(*arguments):
        return light.golfctl(*arguments, home=tmp_path / "home", cwd=tmp_path)

    for name in ("entropy-rans", "gptq-rans-lp"):
        report = run("inspect", PACKED / f"{name}.golf", "--verify", "--budget", "parameter-golf", "--json")
        assert report.returncode == 0, report.stderr
        (tmp_path / "inspect.json").write_text(report.stdout)
    assert run("schema", "inspect", "inspect.json").returncode == 0
    assert run("schema", "recipe").returncode == 0
    assert run("inspect", "--diff", PACKED / "entropy-rans.golf", PACKED / "gptq-rans-lp.golf").returncode == 0
    assert run("doctor").returncode == 0 and run("--help").returncode == 0
    assert run("compare", "a.json", "--", "b.json").returncode == 3
    assert run("submission", "check", tmp_path).returncode == 6
    for name, arguments in NEEDS.items():
        done = run(*name.split(), *arguments)
        assert done.returncode == 3 and "pip install 'golfctl[" in done.stderr, (name, done.stderr)
    assert not (tmp_path / "home").exists()


def test_the_light_install_is_a_fifth_of_the_full_one():
    light, full = (size_bytes(closure(declared(extra))) for extra in ("", "dev"))
    train = size_bytes(closure(declared("train")))
    assert light < train / 5 < full / 5
