"""A progress figure: mean loss on the first held-out tokens, in plain windows. The score to quote is `golfctl eval`'s.

Shapes: B windows, T positions.
"""

import math
from typing import NamedTuple

import numpy as np
import torch

from golfctl.data.dataset import Dataset
from golfctl.model.network import LanguageModel

_BATCH_TOKENS = 4096


class HeldOut(NamedTuple):
    """Mean loss over `tokens` held-out targets, and bits per billed byte of them; None where none is billed."""

    loss: float
    bpb_billed: float | None
    tokens: int


@torch.no_grad()
def held_out_loss(
    model: LanguageModel, dataset: Dataset, length: int, limit: int, device: torch.device
) -> HeldOut | None:
    """Loss in nats per token over consecutive windows of `length` within the first `limit` held-out tokens.

    None when the held-out text is shorter than one window.
    """
    validation = dataset.validation()
    tokens_N = validation.tokens_N
    windows = min(limit, len(tokens_N) - 1) // length
    if windows < 1:
        return None
    used = tokens_N[: windows * length + 1].astype(np.int64)
    x_BT = torch.from_numpy(used[:-1].reshape(windows, length)).to(device)
    y_BT = torch.from_numpy(used[1:].reshape(windows, length)).to(device)
    total, rows = 0.0, max(1, _BATCH_TOKENS // length)
    for first in range(0, windows, rows):
        x, y = x_BT[first : first + rows], y_BT[first : first + rows]
        total += float(model.loss(x, y)) * len(x)
    loss = total / windows
    billed = validation.table.billed_total(used)
    bits = loss * windows * length / math.log(2)
    return HeldOut(loss, bits / billed if billed else None, windows * length)
