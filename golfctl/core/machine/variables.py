"""Environment variables with a number in them: read here alone, so that an absurd one is a sentence and no crash.

A launcher such as torchrun says in some of them how many processes there are; OpenMP, MKL, OpenBLAS and numba take
their threads from others, and some of these libraries end the process over a value they do not like.
"""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from golfctl.errors import InputError

MOST_THREADS = 1024
_MOST_RANKS = 1 << 16
# variable: the least and the greatest number it may hold
_RANGES = {
    "WORLD_SIZE": (1, _MOST_RANKS),
    "RANK": (0, _MOST_RANKS - 1),
    "LOCAL_WORLD_SIZE": (1, _MOST_RANKS),
    "LOCAL_RANK": (0, _MOST_RANKS - 1),
    "MASTER_PORT": (1, 65535),
    "OMP_NUM_THREADS": (1, MOST_THREADS),
    "MKL_NUM_THREADS": (1, MOST_THREADS),
    "OPENBLAS_NUM_THREADS": (1, MOST_THREADS),
    "NUMBA_NUM_THREADS": (1, MOST_THREADS),
}
_FEATURES = re.compile(r"([+-][A-Za-z0-9_.-]+(,[+-][A-Za-z0-9_.-]+)*)?")
_LOST = ("gloo", "nccl", "connection", "timed out", "timeout", "peer", "process group")


class Launch(NamedTuple):
    """What a launcher says: this process is number `rank` of `world`."""

    rank: int
    world: int


def number_in(name: str) -> int | None:
    """The number in a variable; None where it is not set, or empty. Of a list, as OpenMP has it, the first.

    Raises:
        InputError: it holds something else, or a number beyond reason.
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    least, most = _RANGES[name]
    first = text.partition(",")[0].strip() if name == "OMP_NUM_THREADS" else text
    if not (first.isascii() and first.isdecimal() and len(first) < 12 and least <= int(first) <= most):
        raise InputError(
            f"{name}={text[:40]!r} in the environment: give a number from {least} to {most:,}, or unset it"
        )
    return int(first)


def check_variables() -> None:
    """Look at every variable before the libraries do that read them.

    Raises:
        InputError: one of them holds what no run can be made of.
    """
    for name in _RANGES:
        number_in(name)
    features = os.environ.get("NUMBA_CPU_FEATURES", "")
    if not _FEATURES.fullmatch(features):  # LLVM would abort
        raise InputError(
            f"NUMBA_CPU_FEATURES={features[:40]!r} in the environment: give +avx2,-fma or such, or unset it"
        )


def is_first() -> bool:
    """Whether this process writes and answers: all do but those that a launcher gave a later number.

    A variable that is absurd makes none a later one, so that somebody says so.
    """
    rank = os.environ.get("RANK", "")
    return not (rank.isdecimal() and int(rank[:20]) > 0)


def launched() -> Launch:
    """This process among those of its launch; number 0 of 1 without a launcher.

    Raises:
        InputError: a variable is absurd, is missing, or contradicts another.
    """
    world, rank = number_in("WORLD_SIZE") or 1, number_in("RANK")
    if world > 1:
        missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
        if missing:
            raise InputError(
                f"WORLD_SIZE={world} in the environment, but no {', '.join(missing)}: start with torchrun, or unset it"
            )
    if rank is not None and rank >= world:
        raise InputError(f"RANK={rank} in the environment, but WORLD_SIZE is {world}: ranks are counted from 0")
    return Launch(rank or 0, world)


@contextmanager
def meeting() -> Iterator[None]:
    """For the block in which the processes of a launch find each other.

    Raises:
        InputError: they do not: no such host, or nobody there in time.
    """
    host, port = os.environ.get("MASTER_ADDR", ""), number_in("MASTER_PORT")
    try:
        socket.getaddrinfo(host, port)
        yield
    except (OSError, UnicodeError, RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise InputError(
            f"the processes did not meet at MASTER_ADDR={host!r}, MASTER_PORT={port} ({reason}): start all of them, "
            "with torchrun"
        ) from error


def speaks_of_loss(error: RuntimeError) -> bool:
    """Whether a collective failed because another process is gone; libraries only say so in words."""
    text = str(error).lower()
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return "DistError" in kinds or any(sign in text for sign in _LOST)
