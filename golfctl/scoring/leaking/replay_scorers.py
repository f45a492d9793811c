"""Forms that leak, as their authors wrote them: replay scorers that are given the targets they score.

They need what the scorer protocol denies, so they stand apart: they satisfy no `Scorer`, the runner cannot run them,
and the replay runner books them in a ledger that can never be honest. They exist to reproduce published figures and
to measure the leak. Nothing they print is a valid number of bits per byte.

B windows, T inputs of a window, D width, V vocabulary, R scored rows.
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl.scoring.config import SlotConfig
from golfctl.scoring.neural.sliding import WindowForward
from golfctl.scoring.neural.slot import fitted_outcome, step_rate
from golfctl.scoring.outcome import Outcome, Trail
from golfctl.scoring.protocol import Block, Window, tapped


class ReplayScorer(Protocol):
    """Scores rows with their targets in hand."""

    reasons: tuple[str, ...]
    """Why its figures are no valid scores."""

    def score(self, block: Block, targets_R: np.ndarray) -> Tensor:
        """Nats [R, ] of the scored rows of each window, window after window (windows may overlap)."""

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """The block's targets, after it was scored."""


def window_targets(block: Block, windows: tuple[Window, ...], targets: np.ndarray, seq_len: int) -> np.ndarray:
    """Targets [B, T] of whole windows, zero on the right; `targets` holds those of inputs `origin …`."""
    y_BT = np.zeros((len(windows), seq_len), np.int64)
    for b, w in enumerate(windows):
        y_BT[b, : w.stop - w.start] = targets[w.start - block.origin : w.stop - block.origin]
    return y_BT


class ReplayWindows:
    """Plain sliding windows under a tail rule that scores the last targets again (PR #1128 and its parents)."""

    def __init__(self, forward: WindowForward, reasons: tuple[str, ...]) -> None:
        self.forward = forward
        self.reasons = reasons

    @torch.no_grad()
    def score(self, block: Block, targets: np.ndarray) -> Tensor:
        """Nats of the scored rows of every window."""
        h_BTD, skip = self.forward.hidden(block, block.windows)
        y_BT = torch.from_numpy(window_targets(block, block.windows, targets, self.forward.seq_len))
        logits_BTV = self.forward.model.head(h_BTD).float()
        return _scored_nats(logits_BTV, y_BT.to(h_BTD.device), block.windows, skip)

    def observe(self, block: Block, targets: np.ndarray) -> None:
        """Nothing is carried on."""


class ReplaySlot:
    """SLOT fitted on the targets that it then scores.

    `shared` (PR #1084, #1128, #1150): one offset for all windows of a batch, fitted on every position of every window
    but the last one, padding included. `per-sample` (PR #1722): an offset and a logit bias per window, fitted on
    exactly the scored positions.
    """

    part = "slot"

    def __init__(self, forward: WindowForward, vocab_size: int, config: SlotConfig, reasons: tuple[str, ...]) -> None:
        self.forward = forward
        self.vocab_size = vocab_size
        self.config = config
        self.reasons = reasons
        self.trail = Trail()

    @torch.no_grad()
    def score(self, block: Block, targets: np.ndarray) -> Tensor:
        """Nats of the scored rows of every window, after the fit."""
        seq_len = self.forward.seq_len
        h_BTD = self.forward.model.hidden(self.forward.ids(block, block.windows)).float()
        y_BT = torch.from_numpy(window_targets(block, block.windows, targets, seq_len)).to(h_BTD.device)
        fit_BT = torch.zeros_like(y_BT, dtype=torch.bool)
        if self.config.form == "shared":
            fit_BT[:, : seq_len - 1] = True
        else:
            for b, w in enumerate(block.windows):
                fit_BT[b, w.first - w.start : w.stop - w.start] = True
        delta, bias = self._fit(h_BTD, y_BT, fit_BT)
        if self.config.steps:
            self.trail.add((delta if bias is None else torch.cat([delta, bias], dim=-1))[:, 0])
        return _scored_nats(self._head(h_BTD + delta, bias), y_BT, block.windows, 0)

    def _head(self, h_BTD: Tensor, bias: Tensor | None) -> Tensor:
        if bias is None:
            return self.forward.model.head(h_BTD).float()
        with tapped(self.forward.model, lambda name, x, y: y + bias):
            return self.forward.model.head(h_BTD).float()

    @torch.enable_grad()
    def _fit(self, h_BTD: Tensor, y_BT: Tensor, fit_BT: Tensor) -> tuple[Tensor, Tensor | None]:
        c, own = self.config, self.config.form == "per-sample"
        lanes = len(h_BTD) if own else 1
        fitted = [h_BTD.new_zeros(lanes, 1, h_BTD.shape[-1]).requires_grad_(True)]
        if own:
            fitted.append(h_BTD.new_zeros(lanes, 1, self.vocab_size).requires_grad_(True))
        optimizer = torch.optim.AdamW(fitted, lr=c.lr, betas=c.betas, eps=c.eps, weight_decay=c.weight_decay)
        for step in range(c.steps):
            for group in optimizer.param_groups:
                group["lr"] = step_rate(c, step)
            logits_BTV = self._head(h_BTD + fitted[0], fitted[1] if own else None)
            loss = F.cross_entropy(logits_BTV[fit_BT], y_BT[fit_BT])
            for tensor, gradient in zip(fitted, torch.autograd.grad(loss, fitted), strict=True):
                tensor.grad = gradient
            optimizer.step()
        return fitted[0].detach(), fitted[1].detach() if own else None

    def outcome(self) -> Outcome:
        """How many offsets were fitted, and their size."""
        return fitted_outcome(self.trail, self.config)

    def observe(self, block: Block, targets: np.ndarray) -> None:
        """Nothing is carried on."""


def _scored_nats(logits_BTV: Tensor, y_BT: Tensor, windows: tuple[Window, ...], skip: int) -> Tensor:
    """Nats of the scored rows, float64, window after window."""
    parts = []
    for b, w in enumerate(windows):
        rows = slice(w.first - w.start, w.stop - w.start)
        logits_RV = logits_BTV[b, rows.start - skip : rows.stop - skip]
        parts.append(F.cross_entropy(logits_RV, y_BT[b, rows], reduction="none"))
    return torch.cat(parts).double()
