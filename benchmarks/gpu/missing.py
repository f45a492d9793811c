"""What a bare machine lacks: said before anything runs, with what it costs and the line to type."""

from typing import Any, NamedTuple

from benchmarks.gpu.options import Options
from benchmarks.gpu.table import Part

ROOM_BYTES = 5_000_000_000
_INSTALL = "pip install -c .ci/constraints.txt -e '.[dev]'"


class Missing(NamedTuple):
    """`fatal`: nothing can run without it."""

    what: str
    cost: str
    advice: str
    fatal: bool = False

    def line(self) -> str:
        return f"missing: {self.what}; {self.cost}: {self.advice}"


def missing(machine: dict[str, Any], options: Options) -> list[Missing]:
    """Everything, the worst first."""
    found = _essentials(machine, options)
    if found:
        return found
    if not machine["pytest"]:
        found.append(Missing("pytest", "the tests marked gpu are not run", _INSTALL))
    found += _compiling(machine, options)
    if not options.dry:
        found += _kernels(machine)
    if machine["free_bytes"] < ROOM_BYTES:
        room = f"{machine['free_bytes'] / 1e9:.1f} GB of disk are free"
        found.append(Missing("room", f"{room}, and runs need about {ROOM_BYTES / 1e9:.0f}", "free some"))
    if options.peer is None:
        cost = "nothing is measured beside the program of PR #549"
        found.append(Missing("--peer", cost, "give the record's folder, which holds its train_gpt.py"))
    return found


def _essentials(machine: dict[str, Any], options: Options) -> list[Missing]:
    if machine["torch"] is None or machine["golfctl"] is None:
        what = "torch" if machine["torch"] is None else f"golfctl's dependencies ({machine['golfctl_missing']})"
        return [Missing(what, "nothing runs", _INSTALL, fatal=True)]
    if options.dry or machine["devices"]:
        return []
    if machine["cuda"] is None:
        advice = "install the CUDA build that fits the driver, https://pytorch.org/get-started/locally; or try --dry"
        return [Missing(f"CUDA in torch {machine['torch']}", "nothing runs", advice, fatal=True)]
    advice = "look at nvidia-smi and CUDA_VISIBLE_DEVICES; or try --dry on the CPU"
    return [Missing("a GPU that torch sees", "nothing runs", advice, fatal=True)]


def _compiling(machine: dict[str, Any], options: Options) -> list[Missing]:
    found, cost = [], "compiled parts are not run"
    if options.dry:
        return []
    if not machine["compiler"]:
        found.append(Missing("a C compiler", cost, "apt-get install gcc"))
    if not machine["python_headers"]:
        found.append(Missing("Python.h", f"{cost} (triton builds against it)", "apt-get install python3-dev"))
    if not machine["triton"]:
        found.append(Missing("triton", cost, "pip install triton"))
    return found


def _kernels(machine: dict[str, Any]) -> list[Missing]:
    found = []
    if machine["flash3_missing"]:
        cost = f"its paths are reported as not here ({machine['flash3_missing']})"
        found.append(Missing("FlashAttention-3", cost, "build hopper/ of the flash-attention repository"))
    if not machine["nccl"] and len(machine["devices"]) > 1:
        found.append(Missing("NCCL", "parts on several GPUs are not run", "install a torch build that has it"))
    return found


def lacks(part: Part, machine: dict[str, Any], options: Options) -> str:
    """Why `part` cannot run here; empty when it can."""
    reasons = [reason for need in part.needs if (reason := _REASONS[need](machine, options))]
    return "; ".join(reasons)


def _no_peer(machine: dict[str, Any], options: Options) -> str:
    return "" if options.peer else "needs --peer FOLDER, the record's folder with its train_gpt.py"


def _no_pytest(machine: dict[str, Any], options: Options) -> str:
    return "" if machine["pytest"] else f"needs pytest: {_INSTALL}"


def _no_compiler(machine: dict[str, Any], options: Options) -> str:
    return "; ".join(f"needs {each.what}: {each.advice}" for each in _compiling(machine, options))


def _no_gpus(machine: dict[str, Any], options: Options) -> str:
    if options.dry or (len(machine["devices"]) > 1 and machine["nccl"]):
        return ""
    return f"needs two GPUs and NCCL: this machine has {len(machine['devices'])}, NCCL: {machine['nccl']}"


_REASONS = {"peer": _no_peer, "pytest": _no_pytest, "compiler": _no_compiler, "gpus": _no_gpus}
