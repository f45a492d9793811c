"""Causal SLOT: an offset on the last hidden state, fitted per window on positions before its first scored row.

After arXiv 2505.12392 in the form that keeps score first: the fit sees only targets that are inputs of the first
scored row, each window has its own offset, so rows depend neither on the batch nor on later tokens.

B windows, T positions of the fit, D width, V vocabulary, R rows.
"""

import hashlib
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl.scoring.config import SlotConfig
from golfctl.scoring.neural.sliding import WindowForward, scored
from golfctl.scoring.outcome import Outcome, Trail
from golfctl.scoring.protocol import Block, Window, tapped


class SlotScorer:
    """A frozen model with one fitted offset (and optionally one logit bias) per window."""

    part = "slot"
    barrier_rows: int | None = None

    def __init__(self, forward: WindowForward, vocab_size: int, config: SlotConfig) -> None:
        self.forward = forward
        self.vocab_size = vocab_size
        self.config = config
        self.trail = Trail()
        self._ahead: dict[bytes, Tensor] = {}

    def reset(self, prefix_N: np.ndarray) -> None:
        """Offsets live for one window: only their account begins anew."""
        self.trail.clear()
        self._ahead = {}

    @torch.no_grad()
    def predict(self, block: Block) -> Tensor:
        """Log-probability rows [R, V]."""
        rows_of, fitted_of = {}, {}
        for number, windows in self.forward.batches(block):
            h_BTD, skip = self.forward.hidden(block, windows, self.config.span)
            ids_BT = self.forward.ids(block, windows)
            delta_BD, bias_BV = self._fit(h_BTD, ids_BT, windows, skip)
            lane_R = torch.cat([torch.full((c.stop - c.first,), b) for b, c in enumerate(map(block.cut, windows))])
            h_RD = scored(h_BTD, block, windows, skip) + delta_BD[lane_R]
            logits_RV = self._head(h_RD, None if bias_BV is None else bias_BV[lane_R])
            fitted_of[number] = delta_BD if bias_BV is None else torch.cat([delta_BD, bias_BV], dim=1)
            rows_of[number] = torch.log_softmax(logits_RV.float(), dim=-1)
        if block.closes and self.config.steps:
            self._ahead[block.ids_N.tobytes()] = self.forward.gather_windows(block, fitted_of)
        return self.forward.gather(block, rows_of, self.vocab_size)

    def _head(self, h: Tensor, bias: Tensor | None) -> Tensor:
        """Logits; a bias joins them before the soft cap."""
        if bias is None:
            return self.forward.model.head(h)
        with tapped(self.forward.model, lambda name, x, y: y + bias):
            return self.forward.model.head(h)

    def _fit(
        self, h_BTD: Tensor, ids_BT: Tensor, windows: tuple[Window, ...], skip: int
    ) -> tuple[Tensor, Tensor | None]:
        """Offset [B, D] and bias [B, V] after `steps` of AdamW on each window's own `span` positions."""
        count, span = len(windows), self.config.span
        delta_BD = torch.zeros(count, h_BTD.shape[-1], device=h_BTD.device)
        bias_BV = torch.zeros(count, self.vocab_size, device=h_BTD.device) if self.config.bias else None
        lanes = [b for b, window in enumerate(windows) if _has_past(window)]
        if not lanes or not self.config.steps:
            return delta_BD, bias_BV
        h_LTD, y_LT = [], []
        for b in lanes:
            first = windows[b].first - windows[b].start
            begin = max(0, first - span)
            h_LTD.append(F.pad(h_BTD[b, begin - skip : first - skip].float(), (0, 0, 0, span - first + begin)))
            y_LT.append(F.pad(ids_BT[b, begin + 1 : first + 1], (0, span - first + begin), value=-100))
        fitted = self._descend(torch.stack(h_LTD), torch.stack(y_LT), bias_BV is not None)
        delta_BD[lanes] = fitted[0][:, 0]
        if bias_BV is not None:
            bias_BV[lanes] = fitted[1][:, 0]
        return delta_BD, bias_BV

    @torch.enable_grad()
    def _descend(self, h_LTD: Tensor, y_LT: Tensor, with_bias: bool) -> list[Tensor]:
        c = self.config
        fitted = [torch.zeros_like(h_LTD[:, :1]).requires_grad_(True)]
        if with_bias:
            fitted.append(h_LTD.new_zeros(len(h_LTD), 1, self.vocab_size).requires_grad_(True))
        optimizer = torch.optim.AdamW(fitted, lr=c.lr, betas=c.betas, eps=c.eps, weight_decay=c.weight_decay)
        per_lane_L = (y_LT != -100).sum(dim=1)
        for step in range(c.steps):
            for group in optimizer.param_groups:
                group["lr"] = step_rate(c, step)
            logits_LTV = self._head(h_LTD + fitted[0], fitted[1] if with_bias else None)
            nats_LT = F.cross_entropy(
                logits_LTV.float().flatten(0, 1), y_LT.flatten(), reduction="none", ignore_index=-100
            ).view_as(y_LT)
            gradients = torch.autograd.grad((nats_LT.sum(dim=1) / per_lane_L).sum(), fitted)
            for tensor, gradient in zip(fitted, gradients, strict=True):
                tensor.grad = gradient
            optimizer.step()
        return [tensor.detach() for tensor in fitted]

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """Nothing is carried on; the offsets that this block was scored with are accounted for."""
        fitted_WD = self._ahead.get(block.ids_N.tobytes())
        if fitted_WD is not None:
            self.trail.add(fitted_WD[[_has_past(window) for window in block.windows]])
        self._ahead = {}

    def outcome(self) -> Outcome:
        """How many windows had an offset, and its size."""
        return fitted_outcome(self.trail, self.config)

    def save(self) -> dict[str, Tensor]:
        """The account of the offsets so far."""
        return self.trail.save()

    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Continue from there."""
        self.reset(tokens_N[:1])
        self.trail.load(saved)

    def state_id(self) -> str:
        """Constant: there is no mutable state."""
        return hashlib.sha256(b"slot").hexdigest()


def _has_past(window: Window) -> bool:
    """Whether there are positions before the first scored row to fit on."""
    return window.first > window.start


def fitted_outcome(trail: Trail, config: SlotConfig) -> Outcome:
    """What SLOT did, from the account of its offsets."""
    if trail.count:
        plural = "s" if trail.count > 1 else ""
        return Outcome(True, f"{trail.count:,} offset{plural} fitted, rms norm {trail.norm:.4g}", trail.sha256)
    if not config.steps:
        return Outcome(False, "never fitted: steps is 0", trail.sha256)
    why = "no window has positions before its first scored row; lower --stride or --seq-len, or score a longer text"
    return Outcome(False, f"never fitted: {why}", trail.sha256)


def step_rate(config: SlotConfig, step: int) -> float:
    """Learning rate of a step: constant, or a cosine from `lr` down to `final_lr` at the last step."""
    if config.final_lr is None or config.steps < 2:
        return config.lr
    fall = 0.5 * (1 + math.cos(math.pi * step / (config.steps - 1)))
    return config.final_lr + fall * (config.lr - config.final_lr)
