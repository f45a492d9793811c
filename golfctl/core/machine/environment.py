"""What a result was obtained with: versions, machine, threads. Imports nothing heavy by itself."""

import importlib.metadata
import os
import platform
import sys
from typing import Any

import golfctl

_PACKAGES = ("torch", "numpy", "numba", "sentencepiece", "safetensors", "zstandard", "brotli")


def describe_environment() -> dict[str, Any]:
    """Versions and machine facts as plain JSON values; asks torch for devices only if it is already loaded."""
    facts: dict[str, Any] = {
        "golfctl": golfctl.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        facts["threads"] = torch.get_num_threads()
        facts["devices"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return facts


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:  # noqa: PTH123 - a pseudo file
            return next((line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")), "")
    except OSError:
        return platform.processor()
