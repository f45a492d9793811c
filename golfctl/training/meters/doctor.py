"""What this machine has, what golfctl will use of it, what is missing and how to get it."""

import importlib.util
import os
import re
import shutil
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from golfctl.coding.table import CODERS
from golfctl.core.machine.environment import describe_environment
from golfctl.errors import GolfError
from golfctl.model.kernels.gpu_attention import flash3_missing
from golfctl.training.run.distributed import choose_threads, resolve_device
from golfctl.training.setup import choose_dtype

Status = Literal["ok", "missing", "note"]


class Finding(NamedTuple):
    """One line of the report: what was looked at, how it stands, what was found, and what to do if anything."""

    name: str
    status: Status
    found: str
    advice: str = ""


_EXTRAS = {
    "brotli": ("brotli coder", "pip install 'golfctl[brotli]'"),
    "matplotlib": ("plots", "pip install 'golfctl[plots]'"),
    "huggingface_hub": ("data fetch", "pip install 'golfctl[data]'"),
}
_CUDA_BUILD = "install the CUDA build that fits the driver: https://pytorch.org/get-started/locally"
_DRIVER = Path("/proc/driver/nvidia/version")
_CODER_LIBRARIES = {"brotli/1": "brotli"}


def examine(device: str = "auto") -> list[Finding]:
    """All findings, in a fixed order; never fails for what is missing."""
    return [*_machine(), *_gpus(), *_device(device), *_compilers(), *_attention(), _coders(), *_extras()]


def _machine() -> list[Finding]:
    facts: dict[str, Any] = describe_environment()
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        Finding("python", "ok", f"{facts['python']} on {facts['system']}"),
        Finding("packages", "ok", packages),
        Finding("processor", "ok", f"{facts['processor'] or 'unknown'}, {cores} usable cores"),
        Finding("threads", "ok", f"training will use {choose_threads(None)}"),
        Finding("cpu bfloat16", *_cpu_bfloat16()),
    ]


def _cpu_bfloat16() -> tuple[Status, str]:
    probes = {"AMX": "_is_amx_tile_supported", "AVX-512 BF16": "_is_avx512_bf16_supported"}
    found = [name for name, probe in probes.items() if getattr(torch.cpu, probe, lambda: False)()]
    if found:
        return "ok", f"{', '.join(found)}: CPU training computes in bfloat16"
    return "note", "none: CPU training computes in float32"


def _gpus() -> list[Finding]:
    driver = nvidia_driver()
    findings = [Finding("NVIDIA driver", "ok" if driver else "note", driver or "none")]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            memory = f"{properties.total_memory / 1e9:.0f} GB"
            findings.append(Finding(f"cuda:{index}", "ok", f"{properties.name}, {memory}, CUDA {torch.version.cuda}"))
    elif torch.version.cuda:
        found = f"torch is built for CUDA {torch.version.cuda}, but finds no GPU"
        findings.append(Finding("cuda", "missing", found, "check the driver with nvidia-smi"))
    elif driver:
        findings.append(Finding("cuda", "missing", "there is a driver, but torch is a CPU build", _CUDA_BUILD))
    else:
        findings.append(Finding("cuda", "note", "torch is a CPU build", f"for a GPU: {_CUDA_BUILD}"))
    return findings


def nvidia_driver() -> str | None:
    """Version of the NVIDIA kernel driver, None where there is none."""
    try:
        found = re.search(r"\b\d{3,}\.\d+(\.\d+)?\b", _DRIVER.read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[0] if found else "of unknown version"


def _device(name: str) -> list[Finding]:
    findings = []
    try:
        device = resolve_device(name)
        dtype = str(choose_dtype("auto", device)).removeprefix("torch.")
        findings.append(Finding("training device", "ok", f"{device}, computing in {dtype}"))
    except GolfError as error:
        findings.append(Finding("training device", "missing", str(error), "choose another --device"))
    backends = [name for name in ("gloo", "nccl") if torch.distributed.is_backend_available(name)]
    found = f"back ends: {', '.join(backends) or 'none'}"
    advice = "" if backends else "install a torch build with its distributed package"
    findings.append(Finding("torchrun", "ok" if backends else "missing", found, advice))
    return findings


def _compilers() -> list[Finding]:
    compiler = next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    triton = importlib.util.find_spec("triton") is not None
    return [
        Finding("C++ compiler", "ok", compiler) if compiler else
        Finding("C++ compiler", "missing", "none: train.compile will not work on the CPU", "install g++"),
        Finding("triton", "ok", "found") if triton else
        Finding("triton", "note", "none: train.compile needs it on CUDA", "pip install triton"),
    ]  # fmt: skip


def _attention() -> list[Finding]:
    if not torch.cuda.is_available():
        found = "on this CPU: our own kernels for training, else torch's scaled_dot_product_attention"
        return [Finding("attention", "ok", found)]
    missing = flash3_missing()
    hopper = torch.cuda.get_device_capability()[0] == 9
    used = "FlashAttention-3" if hopper and not missing else "torch's flash kernels, dense and of variable length"
    findings = [Finding("attention", "ok", f"on CUDA in half precision: {used}")]
    if hopper and missing:
        advice = "build hopper/ of the flash-attention repository"
        findings.append(Finding("FlashAttention-3", "note", missing, advice))
    return findings


def _coders() -> Finding:
    """Coders whose library is here; `_extras` says how to get the others'."""
    found = [name for name in CODERS if importlib.util.find_spec(_CODER_LIBRARIES.get(name, "zlib")) is not None]
    return Finding("coders", "ok", ", ".join(found))


def _extras() -> list[Finding]:
    findings = []
    for module, (purpose, advice) in _EXTRAS.items():
        found = importlib.util.find_spec(module) is not None
        if found:
            findings.append(Finding(purpose, "ok", module))
        else:
            findings.append(Finding(purpose, "missing", f"{module} is not installed", advice))
    return findings
