"""What torch makes of this machine: threads, GPUs, number formats, attention."""

import re
from pathlib import Path

import torch

from golfctl.errors import GolfError
from golfctl.model.kernels.gpu_attention import flash3_missing
from golfctl.training.meters.machine_finding import MachineFinding, Status
from golfctl.training.run.distributed import choose_threads, resolve_device
from golfctl.training.setup import choose_dtype

_CUDA_BUILD = "install the CUDA build that fits the driver: https://pytorch.org/get-started/locally"
_DRIVER = Path("/proc/driver/nvidia/version")


def torch_findings(device: str) -> list[MachineFinding]:
    """All of them, in a fixed order."""
    return [
        MachineFinding("threads", "ok", f"training will use {choose_threads(None)}"),
        MachineFinding("cpu bfloat16", *_cpu_bfloat16()),
        *_gpus(), *_device(device), *_attention(),
    ]  # fmt: skip


def _cpu_bfloat16() -> tuple[Status, str]:
    probes = {"AMX": "_is_amx_tile_supported", "AVX-512 BF16": "_is_avx512_bf16_supported"}
    found = [name for name, probe in probes.items() if getattr(torch.cpu, probe, lambda: False)()]
    if found:
        return "ok", f"{', '.join(found)}: CPU training computes in bfloat16"
    return "note", "none: CPU training computes in float32"


def _gpus() -> list[MachineFinding]:
    driver = nvidia_driver()
    findings = [MachineFinding("NVIDIA driver", "ok" if driver else "note", driver or "none")]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            memory = f"{properties.total_memory / 1e9:.0f} GB"
            findings.append(
                MachineFinding(f"cuda:{index}", "ok", f"{properties.name}, {memory}, CUDA {torch.version.cuda}")
            )
    elif torch.version.cuda:
        found = f"torch is built for CUDA {torch.version.cuda}, but finds no GPU"
        findings.append(MachineFinding("cuda", "missing", found, "check the driver with nvidia-smi"))
    elif driver:
        findings.append(MachineFinding("cuda", "missing", "there is a driver, but torch is a CPU build", _CUDA_BUILD))
    else:
        findings.append(MachineFinding("cuda", "note", "torch is a CPU build", f"for a GPU: {_CUDA_BUILD}"))
    return findings


def nvidia_driver() -> str | None:
    """Version of the NVIDIA kernel driver, None where there is none."""
    try:
        found = re.search(r"\b\d{3,}\.\d+(\.\d+)?\b", _DRIVER.read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[0] if found else "of unknown version"


def _device(name: str) -> list[MachineFinding]:
    findings = []
    try:
        device = resolve_device(name)
        dtype = str(choose_dtype("auto", device)).removeprefix("torch.")
        findings.append(MachineFinding("training device", "ok", f"{device}, computing in {dtype}"))
    except GolfError as error:
        findings.append(MachineFinding("training device", "missing", str(error), "choose another --device"))
    backends = [name for name in ("gloo", "nccl") if torch.distributed.is_backend_available(name)]
    found = f"back ends: {', '.join(backends) or 'none'}"
    advice = "" if backends else "install a torch build with its distributed package"
    findings.append(MachineFinding("torchrun", "ok" if backends else "missing", found, advice))
    return findings


def _attention() -> list[MachineFinding]:
    if not torch.cuda.is_available():
        found = "on this CPU: our own kernels for training, else torch's scaled_dot_product_attention"
        return [MachineFinding("attention", "ok", found)]
    missing = flash3_missing()
    hopper = torch.cuda.get_device_capability()[0] == 9
    used = "FlashAttention-3" if hopper and not missing else "torch's flash kernels, dense and of variable length"
    findings = [MachineFinding("attention", "ok", f"on CUDA in half precision: {used}")]
    if hopper and missing:
        advice = "build hopper/ of the flash-attention repository"
        findings.append(MachineFinding("FlashAttention-3", "note", missing, advice))
    return findings
