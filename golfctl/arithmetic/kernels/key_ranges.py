"""Which keys each row of attention sees, as one range: causality, reach and documents. Whole numbers alone.

Shapes: B batch, T rows (the last T keys of each sequence are theirs), S keys.
"""

import numpy as np
import torch
from torch import Tensor

from golfctl.arithmetic.kernels.arrays import kernel_call
from golfctl.arithmetic.kernels.compiling import kernel


@kernel
def _within_documents(documents_BS: np.ndarray, low_BT: np.ndarray, high_BT: np.ndarray) -> None:
    """Raise each row's first key to the first one of its document."""
    for b in range(len(low_BT)):
        for t in range(low_BT.shape[1]):
            first = row = high_BT[b, t] - 1
            own = documents_BS[b, row]
            if t > 0 and documents_BS[b, row - 1] == own:
                first = low_BT[b, t - 1]
            else:
                while first > 0 and documents_BS[b, first - 1] == own:
                    first -= 1
            low_BT[b, t] = max(low_BT[b, t], first)


@kernel_call
def key_ranges(
    batch: int, rows: int, keys: int, ends_B: Tensor | None, reach: int | None, documents_BS: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The first visible key of every row and the key after the last one, int64 [B, T].

    Args:
        batch: sequences.
        rows: T.
        keys: S.
        ends_B: how many of the keys each sequence has; None: all of them.
        reach: how many keys a row sees at most, its own among them; None: all.
        documents_BS: number of every key's document, which rows do not look beyond; None: no documents.
    """
    end_B = np.full(batch, keys) if ends_B is None else ends_B.numpy()
    high_BT = end_B[:, None] + np.arange(1 - rows, 1)
    low_BT = np.zeros_like(high_BT) if reach is None else np.maximum(high_BT - reach, 0)
    if documents_BS is not None:
        _within_documents(np.ascontiguousarray(documents_BS.numpy()), low_BT, high_BT)
    return torch.from_numpy(low_BT), torch.from_numpy(high_BT)
