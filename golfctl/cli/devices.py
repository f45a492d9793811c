"""`--device` to a torch device; imported inside commands only, since it needs torch."""

from typing import TYPE_CHECKING

from golfctl.errors import UsageError

if TYPE_CHECKING:
    import torch


def pick_device(name: str) -> "torch.device":
    """The device of that name; `auto` is this rank's CUDA device where there is one, else the CPU.

    Raises:
        UsageError: no such device here.
    """
    import torch

    from golfctl.core.machine.variables import number_in

    if name == "auto":
        name = f"cuda:{number_in('LOCAL_RANK') or 0}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"--device {name}: not usable here ({str(error).splitlines()[0]})") from error
    return device
