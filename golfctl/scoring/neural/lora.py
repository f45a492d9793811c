"""Per-document low-rank adapters, score first: each document has its own, in batched lanes, reset per document.

After PR #77 and #1530: a lane is a document; chunk by chunk its new rows are scored with the adapters so far, then one
optimizer step is taken on them, reusing the graph of the scoring forward. Lanes share nothing: adapters begin alike
(A fixed by the name of the weight, B zero), gradients and optimizer state are per lane, so a row depends on its own
document alone, whatever else is in the block. All of it happens within `predict`; nothing outlives a block.

L lanes, T inputs of a window, n positions of a chunk, D width, r rank, V vocabulary, R rows.
"""

import hashlib
from itertools import zip_longest

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl.scoring.config import TttConfig
from golfctl.scoring.neural.sliding import WindowForward
from golfctl.scoring.outcome import Outcome, Trail
from golfctl.scoring.protocol import Block, Window, tapped


class Adapters:
    """One low-rank pair per weight and lane, made when a weight is first met."""

    def __init__(self, lanes: int, config: TttConfig, device: torch.device) -> None:
        self.lanes = lanes
        self.rank = config.rank
        self.scale = (config.alpha or config.rank) / config.rank
        self.device = device
        self.pairs: dict[str, tuple[Tensor, Tensor]] = {}

    def tap(self, name: str, x_LTI: Tensor, y_LTO: Tensor) -> Tensor:
        """y + scale · B (A x), lane by lane."""
        if name not in self.pairs:
            self.pairs[name] = self._pair(name, x_LTI.shape[-1], y_LTO.shape[-1])
        a_LIr, b_LrO = self.pairs[name]
        return y_LTO + (self.scale * (x_LTI.float() @ a_LIr @ b_LrO)).to(y_LTO.dtype)

    def _pair(self, name: str, width_in: int, width_out: int) -> tuple[Tensor, Tensor]:
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") >> 1
        generator = torch.Generator().manual_seed(seed)
        a_Ir = (2 * torch.rand(width_in, self.rank, generator=generator) - 1) / width_in**0.5
        a_LIr = a_Ir.to(self.device).repeat(self.lanes, 1, 1).requires_grad_(True)
        b_LrO = torch.zeros(self.lanes, self.rank, width_out, device=self.device, requires_grad=True)
        return a_LIr, b_LrO

    def parameters(self) -> list[Tensor]:
        """All adapter tensors."""
        return [tensor for pair in self.pairs.values() for tensor in pair]

    def learned(self) -> Tensor:
        """The matrices that began at zero, [L, P]."""
        return torch.cat([b_LrO.detach().flatten(1) for _, b_LrO in self.pairs.values()], dim=1)


class LoraScorer:
    """A frozen model with adapters trained within each document; blocks hold whole documents."""

    part = "ttt"
    barrier_rows: int | None = None

    def __init__(self, forward: WindowForward, vocab_size: int, config: TttConfig) -> None:
        self.forward = forward
        self.vocab_size = vocab_size
        self.config = config
        self.trail = Trail()
        self._ahead: dict[bytes, Tensor] = {}

    def reset(self, prefix_N: np.ndarray) -> None:
        """Adapters live for one document: only their account begins anew."""
        self.trail.clear()
        self._ahead = {}

    @torch.enable_grad()
    def predict(self, block: Block) -> Tensor:
        """Log-probability rows [R, V]."""
        documents = _documents(block)
        adapters, optimizer = Adapters(len(documents), self.config, self.forward.device), None
        rows_RV = torch.empty(block.rows, self.vocab_size, device=self.forward.device)
        for step in zip_longest(*documents):
            logits_LnV, targets_Ln = self._forward(block, step, adapters)
            for lane, window in enumerate(step):
                if window is not None:
                    part = slice(window.first - block.first, window.stop - block.first)
                    rows_RV[part] = torch.log_softmax(logits_LnV[lane, : window.stop - window.first].detach(), -1)
            goes_on = [
                len(d) > d.index(w) + 1 if w is not None else False for d, w in zip(documents, step, strict=True)
            ]
            if not any(goes_on):
                continue
            optimizer = optimizer or self._optimizer(adapters)
            self._learn(logits_LnV, targets_Ln, torch.tensor(goes_on, device=logits_LnV.device), adapters, optimizer)
        if optimizer is not None:
            self._ahead[block.ids_N.tobytes()] = adapters.learned()[[len(windows) > 1 for windows in documents]]
        return rows_RV

    def _forward(self, block: Block, step: tuple[Window | None, ...], adapters: Adapters) -> tuple[Tensor, Tensor]:
        """Logits [L, n, V] of each lane's new rows, and their targets [L, n] (−100: none, or not to be learnt)."""
        empty = Window(block.origin, block.origin, block.origin)
        windows = tuple(window or empty for window in step)
        most = max(window.stop - window.first for window in windows)
        index_Ln = torch.zeros(len(windows), most, dtype=torch.int64)
        targets_Ln = torch.full((len(windows), most), -100, dtype=torch.int64)
        for lane, w in enumerate(windows):
            index_Ln[lane, : w.stop - w.first] = torch.arange(w.first - w.start, w.stop - w.start)
            known = block.inputs(w.first + 1, min(w.stop + 1, block.stop)).copy()
            targets_Ln[lane, : len(known)] = torch.from_numpy(known)
        with tapped(self.forward.model, adapters.tap):
            h_LTD = self.forward.model.hidden(self.forward.ids(block, windows))
            index = index_Ln.to(h_LTD.device)[:, :, None].expand(-1, -1, h_LTD.shape[-1])
            logits_LnV = self.forward.model.head(h_LTD.gather(1, index)).float()
        return logits_LnV, targets_Ln.to(logits_LnV.device)

    def _optimizer(self, adapters: Adapters) -> torch.optim.Optimizer:
        c = self.config
        return torch.optim.AdamW(adapters.parameters(), lr=c.lr, betas=c.betas, eps=c.eps, weight_decay=c.weight_decay)

    @staticmethod
    def _learn(
        logits_LnV: Tensor, targets_Ln: Tensor, goes_on_L: Tensor, adapters: Adapters, optimizer: torch.optim.Optimizer
    ) -> None:
        """One step on each lane's own mean loss."""
        nats_Ln = F.cross_entropy(logits_LnV.flatten(0, 1), targets_Ln.flatten(), reduction="none").view_as(targets_Ln)
        per_lane_L = nats_Ln.sum(dim=1) / (targets_Ln != -100).sum(dim=1).clamp(min=1)
        gradients = torch.autograd.grad((per_lane_L * goes_on_L).sum(), adapters.parameters())
        for tensor, gradient in zip(adapters.parameters(), gradients, strict=True):
            tensor.grad = gradient
        optimizer.step()

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """Nothing is carried on; the adapters that this block ended with are accounted for."""
        learned_LP = self._ahead.get(block.ids_N.tobytes())
        if learned_LP is not None:
            self.trail.add(learned_LP)
        self._ahead = {}

    def outcome(self) -> Outcome:
        """How many documents were adapted to, and how far."""
        trail = self.trail
        if trail.count:
            how = f"adapters trained in {trail.count:,} documents, rms norm {trail.norm:.4g}"
            return Outcome(True, how, trail.sha256)
        why = "no document goes on after its first window, which is scored, not trained on; lower --stride or --seq-len"
        return Outcome(False, f"never trained: {why}", trail.sha256)

    def save(self) -> dict[str, Tensor]:
        """The account of the adapters so far."""
        return self.trail.save()

    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Continue from there."""
        self.reset(tokens_N[:1])
        self.trail.load(saved)

    def state_id(self) -> str:
        """Constant: there is no state between blocks."""
        return hashlib.sha256(b"lora").hexdigest()


def _documents(block: Block) -> list[list[Window]]:
    """The block's windows document by document."""
    documents: list[list[Window]] = []
    for window in block.windows:
        if window.begins or not documents:
            documents.append([])
        documents[-1].append(window)
    return documents
