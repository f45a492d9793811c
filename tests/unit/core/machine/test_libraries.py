"""Libraries that are missing: the line to type, and what is a bug of ours."""

import sys
import tomllib
from pathlib import Path

import pytest

from golfctl.core.machine.libraries import EXTRAS, explained, install_line, installed, need
from golfctl.errors import DependencyError


def test_extras_are_those_of_the_package():
    text = (Path(__file__).parents[4] / "pyproject.toml").read_text(encoding="utf-8")
    declared = tomllib.loads(text)["project"]["optional-dependencies"]
    names = {"bz3": "bzip3"}
    for module, extra in EXTRAS.items():
        assert any(names.get(module, module) in requirement for requirement in declared[extra]), module


def test_what_is_hidden_or_absent_is_not_installed(monkeypatch):
    assert installed("numpy") and not installed("no_such_module_at_all")
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert not installed("numpy")


def test_one_line_names_all_that_is_missing(monkeypatch):
    need("golfctl data fetch", "numpy")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DependencyError) as caught:
        need("golfctl data fetch", "numpy", "sentencepiece", "huggingface_hub")
    expected = "golfctl data fetch needs sentencepiece, huggingface_hub: pip install 'golfctl[train,data]'"
    assert str(caught.value) == expected


def test_torch_has_a_line_for_each_build():
    line = install_line("torch")
    assert "pip install 'golfctl[train]'" in line and "CUDA" in line and "CPU" in line and "\n" not in line


def test_a_failed_import_is_explained():
    assert "pip install 'golfctl[brotli]'" in str(explained(ModuleNotFoundError("no", name="brotli.inner")))
    assert "pip install sympy" in str(explained(ModuleNotFoundError("no", name="sympy")))
    broken = explained(ImportError("libcudart.so.13: cannot open shared object file", name="torch._C"))
    assert "torch is installed but does not load (libcudart.so.13" in str(broken)


def test_a_module_of_ours_that_is_missing_is_a_bug():
    assert explained(ModuleNotFoundError("no", name="golfctl.nowhere")) is None
    assert explained(ImportError("something else")) is None
