"""Going on with an interrupted evaluation: the ledger so far and every scorer's state, in one safetensors file.

Written at the end of a block, at most every `EVERY_S` seconds. Count tables are not stored: they are a function of the
tokens, and counting again is fast. A resumed run ends with the same ledger, bit for bit on one machine; its clock
counts the seconds up to the latest save as well.

The file is bound to artifact, text, bytes, stack and code by their digests, and carries one over its own content: what
was edited or damaged is refused. Whoever knows this file can seal another content; only scoring again rules that out.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from golfctl.core.canonical import canonical_json, sha256_json
from golfctl.core.files import atomic_write
from golfctl.errors import CheckpointError, InputError
from golfctl.evaluation.ledger import Ledger
from golfctl.evaluation.timing.clock import Clock
from golfctl.evaluation.timing.deadline import parts
from golfctl.packing.checkpoint import read_safetensors
from golfctl.scoring.protocol import Scorer

EVERY_S = 30.0
_KEY = "golfctl-eval"


@runtime_checkable
class Saved(Protocol):
    """A scorer with state worth keeping."""

    def save(self) -> dict[str, Tensor]:
        """Everything that is not a function of the tokens."""

    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Continue from `saved` after the revealed `tokens_N`."""


class Savepoint:
    """One evaluation's file; `identity` is what must be equal for its content to be of use."""

    def __init__(self, path: Path, identity: dict[str, Any], clock: Clock, every_s: float = EVERY_S) -> None:
        self.path = path
        self.identity = sha256_json(identity)
        self.clock = clock
        self.every_s = every_s
        self._saved_at = clock.now()

    def restore(self, scorer: Scorer, ledger: Ledger, tokens_N: np.ndarray) -> int:
        """Load the file into `scorer` and `ledger` if it is there; returns the rows already booked.

        Raises:
            InputError: the file belongs to another artifact, text, configuration or version, or is damaged.
        """
        if not self.path.exists():
            return 0
        tensors, saved = _read(self.path)
        if saved["identity"] != self.identity:
            raise InputError(
                f"{self.path} was saved by an evaluation of another artifact, text, stack or golfctl: "
                "remove it or name another file"
            )
        try:
            return self._continue(tensors, saved, scorer, ledger, tokens_N)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError) as error:
            raise InputError(f"{self.path} is damaged: remove it or name another file ({error})") from error

    def _continue(
        self, tensors: dict[str, Tensor], saved: dict[str, Any], scorer: Scorer, ledger: Ledger, tokens_N: np.ndarray
    ) -> int:
        nll_R = tensors.pop("ledger").numpy()
        ledger.append(0, nll_R)
        known_N = tokens_N[: len(nll_R) + 1].astype(np.int64)
        for number, part in enumerate(parts(scorer)):
            if isinstance(part, Saved):
                prefix = f"{number}/"
                own = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
                part.load(own, known_N)
        self.clock.went_before(saved["seconds"], saved["total"])
        return len(nll_R)

    def after_block(self, scorer: Scorer, ledger: Ledger) -> None:
        """Save when it is time."""
        if self.clock.now() - self._saved_at < self.every_s:
            return
        tensors = {"ledger": torch.from_numpy(ledger.nll_R.copy())}
        for number, part in enumerate(parts(scorer)):
            if isinstance(part, Saved):
                tensors.update({f"{number}/{key}": t.detach().cpu().contiguous() for key, t in part.save().items()})
        said = {"identity": self.identity, "seconds": self.clock.seconds, "total": self.clock.total()}
        metadata = {_KEY: canonical_json({**said, "seal": _seal(tensors, said)}).decode()}
        atomic_write(self.path, safetensors.torch.save(tensors, metadata))
        self._saved_at = self.clock.now()

    def remove(self) -> None:
        """The evaluation is complete: its file has no further use."""
        self.path.unlink(missing_ok=True)


def resumed(targets: int) -> dict[str, Any]:
    """What the report of a resumed run says: which figures rest on a file, and how to do without it."""
    again = "the same command without --resume scores every target anew; on one machine it gives the same figures"
    return {"after_targets": targets, "recompute": again}


def resumed_note(found: dict[str, Any]) -> str:
    """The same for people, and what the run cannot know of the part before."""
    return (
        f"resumed after {found['after_targets']:,} targets, whose scores rest on the saved file: probes and "
        "corrections are those of the rest, seconds include those up to the latest save; to recompute: "
        f"{found['recompute']}"
    )


def _seal(tensors: dict[str, Tensor], said: dict[str, Any]) -> str:
    """Digest of everything that the file holds: what it says of its evaluation, and every tensor to the bit."""
    digest = hashlib.sha256(canonical_json(said))
    for name, tensor in sorted(tensors.items()):
        digest.update(canonical_json([name, str(tensor.dtype), list(tensor.shape)]))
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors, among them the ledger, and what the file says of its evaluation."""
    try:
        metadata, tensors = read_safetensors(path)
        saved = json.loads(metadata[_KEY])
        known = {key: saved[key] for key in ("identity", "seconds", "total")}
        if tensors["ledger"].dtype != torch.float64 or tensors["ledger"].ndim != 1:
            raise ValueError("the ledger is no list of float64 numbers")
        whole = _seal(tensors, known) == saved["seal"]
    except (ValueError, KeyError, TypeError, RecursionError, CheckpointError) as error:
        raise InputError(f"{path}: no saved evaluation, or a damaged one: remove it or name another file") from error
    if not whole:
        raise InputError(f"{path} was changed after it was saved: remove it or name another file, and score anew")
    return tensors, known
