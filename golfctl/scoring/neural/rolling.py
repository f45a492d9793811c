"""The rolling leaf: a frozen model whose key-value cache moves along with the text.

Every token passes the model once; its row sees the `seq_len` latest positions in every layer, whose keys and values
were made when their tokens came. So a row's state reaches further back than a window of that length, and costs a
fraction of a sliding window's: another function of the text, whose score stands under its own name.

T new inputs, D model width, R rows, V vocabulary.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.neural.log_rows import log_rows
from golfctl.scoring.protocol import Block, Rolling


class RollingScorer:
    """Rows of a block continue from the cache of the inputs before it; a document's first window begins a new cache."""

    barrier_rows: int | None = None

    def __init__(self, model: Rolling, seq_len: int, batch: int, vocab_size: int, device: torch.device) -> None:
        """`seq_len` positions are kept; rows of `batch` windows pass the model at once, however large a block is."""
        self.model = model
        self.seq_len = seq_len
        self.batch = batch
        self.vocab_size = vocab_size
        self.device = device
        self.reset(np.zeros(0, np.int64))

    def reset(self, prefix_N: np.ndarray) -> None:
        """An empty cache."""
        self._cache = self.model.start_rolling_cache(1, self.seq_len)
        self._fed = 0
        self._ahead: dict[bytes, Any] = {}

    @torch.no_grad()
    def predict(self, block: Block) -> Tensor:
        """Log-probability rows [R, V].

        Raises:
            ValueError: the block does not go on where the last observed one ended.
        """
        if block.first != self._fed:
            raise ValueError(f"a rolling cache goes on at row {self._fed}, not {block.first}")
        cache, parts = self._cache.fork(), []
        for begins, first, stop in _stretches(block, self.batch):
            if begins:
                cache = self.model.start_rolling_cache(1, self.seq_len)
            ids_T = torch.from_numpy(block.inputs(first, stop)).to(self.device)
            h_BTD = self.model.extend_hidden(ids_T[None], cache)
            parts.append(log_rows(self.model.head(h_BTD[0])))
        self._ahead[block.ids_N.tobytes()] = cache
        return torch.cat(parts)

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """The block's inputs stay in the cache."""
        self._cache, self._fed = self._ahead[block.ids_N.tobytes()], block.stop
        self._ahead = {}

    def save(self) -> dict[str, Tensor]:
        """The cache: it reaches back to the text's beginning, so no part of the text can stand for it."""
        saved: dict[str, Tensor] = self._cache.save()
        return saved

    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Continue from there."""
        self.reset(tokens_N[:1])
        self._cache.load({key: value.to(self.device) for key, value in saved.items()})
        self._fed = len(tokens_N) - 1

    def state_id(self) -> str:
        """Digest of the cache."""
        digest = hashlib.sha256(str(self._fed).encode())
        for key, value in sorted(self._cache.save().items()):
            digest.update(key.encode() + value.cpu().double().numpy().tobytes())
        return digest.hexdigest()


def _stretches(block: Block, batch: int) -> Iterator[tuple[bool, int, int]]:
    """Rows `[first, stop)` of up to `batch` windows of one document, and whether that document begins there."""
    begins, first = block.cut(block.windows[0]).begins, block.first
    for number, window in enumerate(block.windows[1:], start=1):
        if window.begins or number % batch == 0:
            yield begins, first, window.first
            begins, first = window.begins, window.first
    yield begins, first, block.stop
