"""What changing one tensor really costs: KL(model ‖ changed model) on calibration text, against its estimate.

N sequences of T tokens, V vocabulary.
"""

import torch
from torch import Tensor

from golfctl.model.network import LanguageModel
from golfctl.model.weights.names import named_tensors

PROBE_TOKENS = 4096
_BATCH_TOKENS = 4096
_TRUSTED = (0.25, 4.0)  # a ratio beyond these says more about noise than about the tensor
_NOISE = 1e-8  # nats per token below which float32 differences of log-probabilities mean nothing


class Probe:
    """A model and text to see changes of single tensors on."""

    def __init__(self, model: LanguageModel, ids_NT: Tensor) -> None:
        """Take about `PROBE_TOKENS` tokens of ids [N, T]."""
        self._model, self._live = model, named_tensors(model)
        wanted = max(1, PROBE_TOKENS // ids_NT.shape[1])
        self._batches = ids_NT[:wanted].split(max(1, _BATCH_TOKENS // ids_NT.shape[1]))
        with torch.no_grad():
            self._rows = [model(ids_BT).log_softmax(-1) for ids_BT in self._batches]

    @torch.no_grad()
    def kl(self, name: str, changed: Tensor) -> float:
        """Nats per token that `changed` costs in place of tensor `name`."""
        live = self._live[name]
        kept = live.clone()
        live.copy_(changed)
        try:
            total, count = 0.0, 0
            for ids_BT, rows_BTV in zip(self._batches, self._rows, strict=True):
                found_BTV = self._model(ids_BT).log_softmax(-1)
                total += float((rows_BTV.exp() * (rows_BTV - found_BTV)).sum(dtype=torch.float64))
                count += ids_BT.numel()
        finally:
            live.copy_(kept)
        return total / count

    def ratio(self, name: str, changed: Tensor, estimate: float) -> float:
        """Measured over estimated loss; 1 where either is too small to tell."""
        measured = self.kl(name, changed)
        if measured < _NOISE or estimate < _NOISE:
            return 1.0
        return min(max(measured / estimate, _TRUSTED[0]), _TRUSTED[1])
