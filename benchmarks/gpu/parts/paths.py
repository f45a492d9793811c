"""The ways through attention on this device, and why one that is not here is not."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from golfctl.model.kernels.gpu_attention import flash3_missing, has_flash3

SDPA = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}
REFUSALS = ("no available kernel", "no viable backend", "cudnn")
"""What torch says of a kernel that it was told to take and cannot."""


class Path(NamedTuple):
    """A back end of ours, for `sdpa` perhaps one kernel of torch's, and the dtype of the pass."""

    backend: str
    dtype: torch.dtype
    kernel: str = ""

    @property
    def name(self) -> str:
        kernel = f"/{self.kernel}" if self.kernel else ""
        return f"{self.backend}{kernel} {str(self.dtype).removeprefix('torch.')}"

    def absent(self, device: str, documents: bool) -> str:
        """Why this path cannot be tried; empty when it can."""
        if self.backend == "fa3" and flash3_missing():
            return f"flash_attn_interface: {flash3_missing()}"
        if self.backend in ("varlen", "fa3") and device == "cpu":
            return "it is for CUDA"
        if self.backend == "fa3" and not has_flash3(torch.device(device)):
            return "FlashAttention-3 needs a Hopper processor"
        if self.kernel in ("efficient", "cudnn") and device == "cpu":
            return "torch has this kernel for CUDA only"
        if self.kernel == "flash" and documents:
            return "torch's flash kernel takes no mask, and documents need one"
        return ""

    @contextlib.contextmanager
    def chosen(self) -> Iterator[None]:
        """Inside the block torch may use this path's kernel and no other.

        Raises:
            NotHere: torch's kernel refuses these shapes or this dtype on this device.
        """
        if not self.kernel:
            yield
            return
        try:
            with sdpa_kernel(SDPA[self.kernel]):
                yield
        except RuntimeError as error:
            if not any(sign in str(error).lower() for sign in REFUSALS):
                raise
            raise NotHere("torch's kernel refuses this dtype or some shapes on this device") from error


class NotHere(Exception):
    """Something asked for that this machine, or golfctl, does not have; it is named and no failure."""


def all_paths() -> list[Path]:
    """ "auto" first: it is what everybody gets."""
    kernels = [Path("sdpa", dtype, kernel) for dtype in (torch.float32, torch.bfloat16) for kernel in SDPA]
    both = [Path(name, dtype) for name in ("auto", "sdpa", "segments", "math")
            for dtype in (torch.float32, torch.bfloat16)]  # fmt: skip
    return [*both, *kernels, Path("varlen", torch.bfloat16), Path("fa3", torch.bfloat16)]


def precise() -> dict[str, bool | str]:
    """Switch TF32 off in this process, so that float32 is float32; what stands then goes into the result."""
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = True  # torch's default, as in training
    return {
        "matmul_tf32": torch.backends.cuda.matmul.allow_tf32,
        "cudnn_tf32": torch.backends.cudnn.allow_tf32,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
    }
