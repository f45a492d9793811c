"""Loss before and after packing, on training text that calibration does not see.

N sequences of T tokens, V vocabulary.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from golfctl.core.progress import SILENT, Progress
from golfctl.model.network import LanguageModel

_BATCH_TOKENS = 8192


class Measured(NamedTuple):
    """Nats per token: loss of the checkpoint, loss of the artifact, and KL(checkpoint ‖ artifact)."""

    tokens: int
    loss_before: float
    loss_after: float
    kl: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self._asdict()


@torch.no_grad()
def measure(before: LanguageModel, after: LanguageModel, ids_NT: Tensor, progress: Progress = SILENT) -> Measured:
    """Compare two models on the same windows: every token but the first of each is predicted once."""
    totals = torch.zeros(3, dtype=torch.float64)
    count = 0
    with progress.task("measuring", ids_NT.numel(), "token") as task:
        for ids_BT in ids_NT.split(max(1, _BATCH_TOKENS // ids_NT.shape[1])):
            first_NV, second_NV = (model(ids_BT[:, :-1]).flatten(0, 1).log_softmax(-1) for model in (before, after))
            target_N1 = ids_BT[:, 1:].reshape(-1, 1)
            kl_N = (first_NV.exp() * (first_NV - second_NV)).sum(-1)
            sums = (-first_NV.gather(1, target_N1), -second_NV.gather(1, target_N1), kl_N)
            totals += torch.stack([value.sum(dtype=torch.float64).cpu() for value in sums])
            count += len(target_N1)
            task.advance(ids_BT.numel())
    before_loss, after_loss, kl = (totals / count).tolist()
    return Measured(count, before_loss, after_loss, kl)
