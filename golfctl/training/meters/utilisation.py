"""Model FLOPs utilisation (MFU): the FLOPs that the model's products need, over what the hardware could do meanwhile.

FLOPs are `golfctl.model.census`'s: 6 per matrix entry and token, and causal attention; document masks and element-wise
work do not count, and neither does the optimizer. Peaks of GPUs are their makers' dense bf16 figures, without sparsity.
A CPU has no such figure: its peak is the rate of products that the run's node benchmark measured.
"""

import re
from typing import NamedTuple

import torch

# pattern in the device's name -> dense bf16 FLOP/s; the first that matches counts
_PEAKS = (
    (r"H200 NVL", 835e12),
    (r"\b(GH200|H200)\b", 989e12),
    (r"H100 PCIe", 756e12),
    (r"H100 NVL", 835e12),
    (r"\bH100\b", 989e12),
    (r"\bA100\b", 312e12),
    (r"\bL40S\b", 362e12),
    (r"RTX 4090(?! D| Laptop)", 165e12),
    (r"RTX 3090(?! Ti)", 71e12),
)
_NODE_RATES = {torch.float32: "fp32_tflops", torch.bfloat16: "bf16_tflops"}


class Peak(NamedTuple):
    """FLOP/s of one rank's device, None where unknown; `basis` says of what, or why not."""

    flops: float | None
    basis: str


class Utilisation(NamedTuple):
    """Share of the peak that went into the model's products, None where there is no peak; see `Peak.basis`."""

    mfu: float | None
    basis: str

    def to_dict(self) -> dict[str, float | str | None]:
        """Plain JSON values."""
        return {"mfu": self.mfu, "mfu_basis": self.basis}


def device_peak(device: torch.device, dtype: torch.dtype, node: dict[str, float] | None) -> Peak:
    """The peak that a run's MFU refers to; `node` is the run's node benchmark, None when it had none."""
    name = str(dtype).removeprefix("torch.")
    if device.type == "cuda":
        return cuda_peak(torch.cuda.get_device_name(device), dtype)
    if device.type != "cpu":
        return Peak(None, f"no peak is known for {device.type}")
    rate = _NODE_RATES.get(dtype)
    if rate is None:
        return Peak(None, f"the node benchmark does not measure {name} products")
    if not node:
        return Peak(None, "no node benchmark: train.node_benchmark_seconds is 0")
    if not node[rate]:
        return Peak(None, f"the node benchmark found no measurable rate of {name} products")
    return Peak(node[rate] * 1e12, f"{node[rate]:g} TFLOP/s, {name} products as the node benchmark measured them")


def cuda_peak(name: str, dtype: torch.dtype) -> Peak:
    """The peak of the GPU called `name`."""
    if dtype != torch.bfloat16:
        return Peak(None, f"peaks are known for bfloat16 only, the run is in {str(dtype).removeprefix('torch.')}")
    for pattern, flops in _PEAKS:
        if re.search(pattern, name):
            return Peak(flops, f"{flops / 1e12:g} TFLOP/s, dense bf16 peak of {name}")
    return Peak(None, f"no peak is known for {name}")


def utilisation(flops: float, seconds: float, ranks: int, peak: Peak) -> Utilisation:
    """MFU of `flops` of model work done by `ranks` devices in `seconds`."""
    if peak.flops is None:
        return Utilisation(None, peak.basis)
    if not flops or seconds <= 0:
        return Utilisation(None, "no step was taken")
    return Utilisation(round(flops / (seconds * ranks * peak.flops), 4), peak.basis)
