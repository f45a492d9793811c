"""The neural leaf: a model's own next-token distributions over a sliding window.

Shapes: B windows in a batch, T inputs of a window, D model width, V vocabulary, R rows.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.neural.log_rows import log_rows
from golfctl.scoring.protocol import Block, HiddenStates, Window
from golfctl.scoring.ranks import Ranks


class WindowForward:
    """Runs the windows of a block through a model in batches, right-padded to one length, shared over ranks."""

    def __init__(self, model: HiddenStates, seq_len: int, batch: int, device: torch.device, ranks: Ranks) -> None:
        """`batch` windows go through the model at once; the padded length is always `seq_len`.

        The length is fixed because a model's rotary base may depend on it: one window length, one function.
        """
        self.model = model
        self.seq_len = seq_len
        self.batch = batch
        self.device = device
        self.ranks = ranks

    def batches(self, block: Block) -> Iterator[tuple[int, tuple[Window, ...]]]:
        """This rank's groups of `batch` windows with their numbers; the groups are the same for any number of ranks."""
        for number, windows in enumerate(self._groups(block)):
            if self.ranks.share(number):
                yield number, windows

    def _groups(self, block: Block) -> Iterator[tuple[Window, ...]]:
        windows = iter(block.windows)
        while group := tuple(islice(windows, self.batch)):
            yield group

    def ids(self, block: Block, windows: tuple[Window, ...]) -> Tensor:
        """Inputs [B, T] of the windows, zero on the right where a window is shorter."""
        ids_BT = np.zeros((len(windows), self.seq_len), np.int64)
        for b, window in enumerate(windows):
            stop = min(window.stop, block.stop)
            ids_BT[b, : stop - window.start] = block.inputs(window.start, stop)
        return torch.from_numpy(ids_BT).to(self.device)

    def hidden(self, block: Block, windows: tuple[Window, ...], reach: int = 0) -> tuple[Tensor, int]:
        """States [B, n, D] from one position of the window on, and that position: it lies `reach` before the first
        scored row of any window."""
        skip = max(0, min(window.first - window.start for window in windows) - reach)
        return self.model.hidden(self.ids(block, windows), first=skip), skip

    def gather(self, block: Block, rows_of: dict[int, Tensor], vocab_size: int) -> Tensor:
        """Rows [R, V] of the whole block from each rank's batches (`rows_of[batch number]`)."""
        groups = list(self._groups(block))
        counts = [sum(cut.stop - cut.first for cut in map(block.cut, group)) for group in groups]
        return self.ranks.gather([rows_of.get(n) for n in range(len(groups))], counts, vocab_size, self.device)

    def gather_windows(self, block: Block, vectors_of: dict[int, Tensor]) -> Tensor:
        """One vector [W, D] for each window of the block from each rank's batches (`vectors_of[batch number]`)."""
        counts = [len(group) for group in self._groups(block)]
        own = next(iter(vectors_of.values())).shape[1] if vectors_of else 0
        width = self.ranks.from_first(own, self.device)  # a block's first batch is rank 0's
        parts = [vectors_of.get(n) for n in range(len(counts))]
        return self.ranks.gather(parts, counts, width, self.device)


def scored(values: Tensor, block: Block, windows: tuple[Window, ...], skip: int) -> Tensor:
    """The wanted rows of [B, n, …], window after window: [R, …]."""
    cuts = [block.cut(window) for window in windows]
    return torch.cat([values[b, w.first - w.start - skip : w.stop - w.start - skip] for b, w in enumerate(cuts)])


class NeuralScorer:
    """A frozen model; rows come from parallel forwards of whole windows."""

    barrier_rows: int | None = None

    def __init__(self, forward: WindowForward, vocab_size: int) -> None:
        self.forward = forward
        self.vocab_size = vocab_size

    def reset(self, prefix_N: np.ndarray) -> None:
        """Nothing to forget."""

    @torch.no_grad()
    def predict(self, block: Block) -> Tensor:
        """Log-probability rows [R, V]: only scored rows pass the last layer's output and the head."""
        rows_of = {}
        for number, windows in self.forward.batches(block):
            h_BTD, skip = self.forward.hidden(block, windows)
            logits_RV = self.forward.model.head(scored(h_BTD, block, windows, skip))
            rows_of[number] = log_rows(logits_RV)
        return self.forward.gather(block, rows_of, self.vocab_size)

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """A frozen model learns nothing."""

    def state_id(self) -> str:
        """Constant: there is no mutable state."""
        return hashlib.sha256(b"neural").hexdigest()
