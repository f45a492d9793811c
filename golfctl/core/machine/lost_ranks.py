"""What a process says when another one of its launch was lost. Knows torch's process groups without importing them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from golfctl.errors import GolfError, InputError

_SIGNS = ("gloo", "nccl", "connection", "timed out", "timeout", "peer", "process group", "store")


@contextmanager
def lost_ranks(rank: int, hint: str) -> Iterator[None]:
    """Turn a failed collective of the block, or of joining the group, into an error that says so and gives the `hint`.

    Raises:
        InputError: another rank was lost.
    """
    try:
        yield
    except GolfError:
        raise
    except RuntimeError as error:
        if not _is_communication(error):
            raise
        reason = str(error).splitlines()[0][:160]
        raise InputError(f"rank {rank} lost touch with another rank ({reason}); {hint}") from error


def _is_communication(error: RuntimeError) -> bool:
    dist = sys.modules.get("torch.distributed")
    if dist is None or not dist.is_available():
        return False
    text = str(error).lower()
    return isinstance(error, dist.DistError) or (dist.is_initialized() and any(sign in text for sign in _SIGNS))
