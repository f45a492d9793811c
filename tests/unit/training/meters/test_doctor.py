import importlib.util
import shutil
import sys

from golfctl.training.meters import doctor_torch
from golfctl.training.meters.doctor import examine


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
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    assert find("C++ compiler").advice == "install g++"
    assert find("plots").advice == "pip install 'golfctl[plots]'"


def test_a_driver_without_a_cuda_build_is_a_gap(monkeypatch, tmp_path):
    line = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.133.20  Sun Mar 30 03:51:44 UTC 2025"
    (tmp_path / "version").write_text(line)
    monkeypatch.setattr(doctor_torch, "_DRIVER", tmp_path / "version")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.version.cuda", None)
    assert find("NVIDIA driver").found == "570.133.20"
    assert find("cuda").status == "missing" and "CUDA build" in find("cuda").advice
    monkeypatch.setattr(doctor_torch, "_DRIVER", tmp_path / "nothing")
    assert find("NVIDIA driver").found == "none" and find("cuda").status == "note"


def test_coders_whose_library_is_missing_are_left_out(monkeypatch):
    assert "brotli/1" in find("coders").found and "rans/1" in find("coders").found
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "brotli" else found(name))
    monkeypatch.delitem(sys.modules, "brotli", raising=False)
    assert "brotli/1" not in find("coders").found and find("brotli coder").status == "missing"


def test_a_device_that_is_not_there_is_a_finding_not_a_failure():
    assert next(f for f in examine("cuda:7") if f.name == "training device").status in ("ok", "missing")
