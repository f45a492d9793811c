"""Initialisers: each fills one public (per-layer) tensor from its own seeded generator; the model's choice of them."""

import hashlib
import math
from collections.abc import Callable

import torch
from torch import Tensor

Init = Callable[[Tensor, torch.Generator], None]


def constant(*values: float) -> Init:
    """Fill with one value, or row r with `values[r]`."""

    def fill(weight: Tensor, generator: torch.Generator) -> None:
        if len(values) == 1:
            weight.fill_(values[0])
        else:
            weight.copy_(torch.tensor(values).view(-1, *[1] * (weight.ndim - 1)).expand_as(weight))

    return fill


zeros = constant(0.0)
ones = constant(1.0)


def normal(std: float) -> Init:
    """N(0, std²)."""

    def fill(weight: Tensor, generator: torch.Generator) -> None:
        weight.normal_(0.0, std, generator=generator)

    return fill


def orthogonal(gain: float = 1.0) -> Init:
    """Semi-orthogonal rows or columns times `gain` (OrthoInit, PR #162)."""

    def fill(weight: Tensor, generator: torch.Generator) -> None:
        torch.nn.init.orthogonal_(weight, gain, generator=generator)

    return fill


def fan_in_uniform() -> Init:
    """U(−1/√in, 1/√in): what `torch.nn.Linear` starts from."""

    def fill(weight: Tensor, generator: torch.Generator) -> None:
        bound = 1.0 / math.sqrt(weight.shape[-1])
        weight.uniform_(-bound, bound, generator=generator)

    return fill


def generator_for(seed: int, name: str) -> torch.Generator:
    """A generator that depends on seed and tensor name alone, so that adding a component moves no other weight."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
