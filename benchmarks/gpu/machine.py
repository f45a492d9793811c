"""What this machine is: asked in a process of its own, so that the one that waits for the parts holds no GPU memory.

python -m benchmarks.gpu.machine        prints one JSON document
"""

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from benchmarks.gpu.options import ROOT

SOURCES = ("golfctl", "benchmarks", "examples", "tests")
CODE = (".", ":!benchmarks/results", ":!*.md")


def facts() -> dict[str, Any]:
    """Versions, devices, compilers; what is missing is None or false, never an error."""
    return {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "free_bytes": shutil.disk_usage(ROOT).free,
        "compiler": os.environ.get("CC") or next(filter(shutil.which, ("gcc", "clang", "cc")), None),
        "python_headers": Path(sysconfig.get_path("include"), "Python.h").is_file(),
        "triton": importlib.util.find_spec("triton") is not None,
        "pytest": all(importlib.util.find_spec(name) for name in ("pytest", "hypothesis", "jsonschema", "scipy")),
        **_golfctl(),
        **_torch(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        return platform.processor()


def _golfctl() -> dict[str, Any]:
    try:
        import golfctl.training.train
    except ImportError as error:
        return {"golfctl": None, "golfctl_missing": str(error)}
    from golfctl.model.kernels.gpu_attention import flash3_missing

    return {"golfctl": golfctl.__version__, "flash3_missing": flash3_missing()}


def _torch() -> dict[str, Any]:
    try:
        import torch
    except ImportError:
        return {"torch": None, "cuda": None, "devices": []}
    count = torch.cuda.device_count()
    return {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "nccl": torch.distributed.is_available() and torch.distributed.is_nccl_available(),
        "devices": [_device(torch.cuda.get_device_properties(index)) for index in range(count)],
    }


def _device(found: Any) -> dict[str, Any]:
    return {"name": found.name, "memory_bytes": found.total_memory, "capability": f"{found.major}.{found.minor}"}


def device_name(machine: dict[str, Any], dry: bool) -> str:
    """ "2 × NVIDIA H100 80GB HBM3", or the processor in the dry form."""
    if dry:
        return f"CPU, {machine['processor'] or 'unknown'}, {machine['cores']} cores"
    names = [device["name"] for device in machine["devices"]]
    return ", ".join(f"{names.count(name)} × {name}" for name in dict.fromkeys(names)) or "no GPU"


def commit() -> str:
    """The commit that last changed code, "+" and a digest for changes since; without git, a digest of the code."""
    try:
        last = _git("log", "-1", "--format=%H", "--", *CODE)
        changes = _git("diff", "HEAD", "--", *CODE)
    except (OSError, subprocess.CalledProcessError):  # no git, no repository, or one of another user
        last, changes = "", ""
    if last:
        return f"{last}+{_short(changes.encode())}" if changes else last
    files = sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".toml"))
    return f"tree-{_short(b''.join(path.read_bytes() for path in files))}"


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def ask() -> dict[str, Any]:
    """The facts, from another process.

    Raises:
        RuntimeError: not even that process works; the message is the last line it said.
    """
    words = [sys.executable, "-m", "benchmarks.gpu.machine"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no word"])[-1])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    print(json.dumps(facts()))
