"""What this machine has, what golfctl will use of it, what is missing and how to get it."""

import os
import shutil
from typing import Any

from golfctl.coding.table import CODERS
from golfctl.core.machine.environment import describe_environment
from golfctl.core.machine.libraries import install_line, installed
from golfctl.training.meters.machine_finding import MachineFinding

_PURPOSES = {
    "training, scoring": ("torch", "sentencepiece", "numba"),
    "brotli coder": ("brotli",),
    "plots": ("matplotlib",),
    "data fetch": ("huggingface_hub",),
}
_CODER_LIBRARIES = {"brotli/1": "brotli"}


def examine(device: str = "auto") -> list[MachineFinding]:
    """All findings, in a fixed order; never fails for what is missing."""
    findings = _machine()
    if installed("torch"):
        from golfctl.training.meters.doctor_torch import torch_findings

        findings += torch_findings(device)
    return [*findings, *_compilers(), _coders(), *_extras()]


def _machine() -> list[MachineFinding]:
    facts: dict[str, Any] = describe_environment()
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        MachineFinding("python", "ok", f"{facts['python']} on {facts['system']}"),
        MachineFinding("packages", "ok", packages),
        MachineFinding("processor", "ok", f"{facts['processor'] or 'unknown'}, {cores} usable cores"),
    ]


def _compilers() -> list[MachineFinding]:
    compiler = next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    triton = installed("triton")
    return [
        MachineFinding("C++ compiler", "ok", compiler) if compiler else
        MachineFinding("C++ compiler", "missing", "none: train.compile will not work on the CPU", "install g++"),
        MachineFinding("triton", "ok", "found") if triton else
        MachineFinding("triton", "note", "none: train.compile needs it on CUDA", "pip install triton"),
    ]  # fmt: skip


def _coders() -> MachineFinding:
    """Coders whose library is here; `_extras` says how to get the others'."""
    found = [name for name in CODERS if installed(_CODER_LIBRARIES.get(name, "zlib"))]
    return MachineFinding("coders", "ok", ", ".join(found))


def _extras() -> list[MachineFinding]:
    findings = []
    for purpose, modules in _PURPOSES.items():
        missing = [module for module in modules if not installed(module)]
        if missing:
            findings.append(
                MachineFinding(purpose, "missing", f"not installed: {', '.join(missing)}", install_line(*missing))
            )
        else:
            findings.append(MachineFinding(purpose, "ok", ", ".join(modules)))
    return findings
