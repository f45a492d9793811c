"""What a part of the stack did in a run: said in a sentence for people, and by digest for whoever compares two runs.

N vectors, D components each.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

SHOWN = 12  # hexadecimal digits of a digest in a sentence


@dataclass(frozen=True)
class Outcome:
    """What became of one part: whether it changed any row, how (or why not), and a digest of its state."""

    acted: bool
    how: str
    sha256: str
    before_sha256: str | None = None
    """The same digest before the run, where there was such a state."""


@runtime_checkable
class Adapts(Protocol):
    """A scorer that learns while it scores; `part` is the name of its table in `[eval]`."""

    part: str

    def outcome(self) -> Outcome:
        """What it did since the last reset."""


def tensors_sha256(named: Iterable[tuple[str, Tensor]]) -> str:
    """Digest of tensors with their names, as float32 (float64 stays what it is)."""
    digest = hashlib.sha256()
    for name, tensor in named:
        values = tensor.detach().cpu()
        wide = values if values.dtype == torch.float64 else values.float()
        digest.update(name.encode() + b"\0")
        digest.update(np.ascontiguousarray(wide.numpy()).data)
    return digest.hexdigest()


class Trail:
    """Vectors that are fitted, used and dropped: how many there were, how large, and one digest in stream order.

    Each vector's digest covers the one before, so the digest depends neither on blocks nor on an interruption.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing fitted yet."""
        self.count = 0
        self._square = 0.0
        self._digest = hashlib.sha256(b"").digest()

    def add(self, fitted_ND: Tensor) -> None:
        """Take in the next vectors."""
        values_ND = np.ascontiguousarray(fitted_ND.detach().float().cpu().numpy())
        for vector_D in values_ND:
            self._digest = hashlib.sha256(self._digest + vector_D.tobytes()).digest()
        self.count += len(values_ND)
        self._square += float(np.square(values_ND, dtype=np.float64).sum())

    @property
    def norm(self) -> float:
        """Root mean square of the vectors' lengths."""
        return float(np.sqrt(self._square / self.count)) if self.count else 0.0

    @property
    def sha256(self) -> str:
        """Digest of all vectors so far."""
        return self._digest.hex()

    def save(self) -> dict[str, Tensor]:
        """Everything, as tensors."""
        digest = torch.from_numpy(np.frombuffer(self._digest, np.uint8).copy())
        square = torch.tensor(self._square, dtype=torch.float64)
        return {"trail.count": torch.tensor(self.count), "trail.square": square, "trail.digest": digest}

    def load(self, saved: dict[str, Tensor]) -> None:
        """Continue from there."""
        self.count, self._square = int(saved["trail.count"]), float(saved["trail.square"])
        self._digest = saved["trail.digest"].numpy().tobytes()
