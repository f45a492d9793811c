"""What `golfctl doctor` and the driver say, and the arithmetic that torch is set to."""

import shutil
import subprocess

import torch

from benchmarks.gpu.options import Options
from benchmarks.gpu.report import Report
from golfctl.training.meters.doctor import examine
from golfctl.training.setup import choose_dtype

QUERY = "name,driver_version,memory.total,power.limit,clocks.max.sm,persistence_mode,ecc.mode.current"


def run(options: Options, report: Report) -> None:
    findings = examine(options.device)
    report.figure("findings", [finding._asdict() for finding in findings])
    wrong = [finding for finding in findings if finding.name == "training device" and finding.status != "ok"]
    report.holds("golfctl can use the device", not wrong, "; ".join(finding.found for finding in wrong))
    report.figure("arithmetic", {
        "matmul_tf32": torch.backends.cuda.matmul.allow_tf32,
        "cudnn_tf32": torch.backends.cudnn.allow_tf32,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    })  # fmt: skip
    dtype = str(choose_dtype("auto", torch.device(options.device))).removeprefix("torch.")
    report.figure("main", {"dtype": dtype, "threads": torch.get_num_threads()})
    for name, words in (("nvidia-smi", [f"--query-gpu={QUERY}", "--format=csv"]), ("topology", ["topo", "-m"])):
        report.figure(name, _nvidia_smi(words))


def _nvidia_smi(words: list[str]) -> list[str]:
    """Lines of its answer; which GPUs share the fast links decides what several ranks cost."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ["there is no nvidia-smi"]
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return ["nvidia-smi did not answer within a minute: the driver is in trouble"]
    return (done.stdout or done.stderr).strip().splitlines()
