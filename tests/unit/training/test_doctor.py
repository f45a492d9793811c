import importlib.util
import shutil

from golfctl.training.doctor import examine


def find(name):
    return next(finding for finding in examine("cpu") if finding.name == name)


def test_every_gap_comes_with_advice():
    for finding in examine("cpu"):
        assert finding.found and finding.status in ("ok", "missing", "note")
        assert finding.status != "missing" or finding.advice
    assert find("training device").found.startswith("cpu, computing in")


def test_a_missing_compiler_and_library_are_named(monkeypatch):
    assert find("plots").status == "ok"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert find("C++ compiler").advice == "install g++"
    assert find("plots").advice == "pip install 'golfctl[plots]'"


def test_a_device_that_is_not_there_is_a_finding_not_a_failure():
    assert next(f for f in examine("cuda:7") if f.name == "training device").status in ("ok", "missing")
