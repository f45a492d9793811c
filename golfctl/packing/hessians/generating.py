"""Calibration text that the model writes itself, with its KV cache; seeded, and no data set is opened.

B sequences at once, T tokens each, V vocabulary.
"""

import torch
from torch import Tensor

from golfctl.core.progress import SILENT, Progress
from golfctl.model.network import LanguageModel

TEMPERATURE = 0.8  # as PR #1019


@torch.no_grad()
def generate(
    model: LanguageModel,
    sequences: int,
    length: int,
    seed: int,
    batch: int = 64,
    temperature: float = TEMPERATURE,
    progress: Progress = SILENT,
) -> Tensor:
    """Token ids [sequences, length] (int64): a uniform first token, then draws from softmax(logits / temperature).

    The draws are made by inverting the cumulative distribution with one number per token from a seeded generator.
    """
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    done = []
    with progress.task("generating", sequences * length, "token") as task:
        for start in range(0, sequences, batch):
            count = min(batch, sequences - start)
            draws_TB = torch.rand(length, count, generator=generator).to(device)
            cache = model.start_cache(count, length)
            ids_TB = torch.empty(length, count, dtype=torch.long, device=device)
            ids_TB[0] = (draws_TB[0] * model.spec.vocab_size).long().clamp_max(model.spec.vocab_size - 1)
            for t in range(1, length):
                ids_TB[t] = _draw(model.step(ids_TB[t - 1], cache), draws_TB[t], temperature)
                task.advance(count)
            task.advance(count)
            done.append(ids_TB.T)
    return torch.cat(done)


def _draw(logits_BV: Tensor, draw_B: Tensor, temperature: float) -> Tensor:
    cumulative_BV = (logits_BV / temperature).softmax(dim=1).cumsum(dim=1)
    target_B1 = draw_B[:, None] * cumulative_BV[:, -1:]
    return torch.searchsorted(cumulative_BV, target_B1).squeeze(1).clamp_max(logits_BV.shape[1] - 1)
