"""Causal SLOT: an offset on the last hidden state, fitted per window on positions before its first scored row.

After arXiv 2505.12392 in the form that keeps score first: the fit sees only targets that are inputs of the first
scored row, each window has its own offset, so rows depend neither on the batch nor on later tokens.

B windows, of which W have a past, T positions of the fit, D width, V vocabulary, R rows, F numbers fitted a window.
"""

import hashlib
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from golfctl.scoring.config import SlotConfig
from golfctl.scoring.neural.log_rows import log_rows
from golfctl.scoring.neural.sliding import WindowForward, scored
from golfctl.scoring.outcome import Outcome, Trail
from golfctl.scoring.protocol import Block, HiddenStates, Window, tapped


class OffsetFit:
    """Fits an offset on the last hidden state, and optionally a bias on the logits, to the past of each window."""

    def __init__(self, model: HiddenStates, vocab_size: int, config: SlotConfig) -> None:
        self.model = model
        self.vocab_size = vocab_size
        self.config = config

    def fit(self, pasts: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Offset and bias in one row [W, F] after `steps` of AdamW on the latest `span` positions of each past.

        A past is its states [T, D] and the tokens [T] that came after each.
        """
        span = self.config.span
        h_WTD = torch.stack([_padded(h_TD[-span:].float(), span, 0.0) for h_TD, _ in pasts])
        y_WT = torch.stack([_padded(y_T[-span:], span, -100) for _, y_T in pasts])
        return torch.cat([tensor[:, 0] for tensor in self._descend(h_WTD, y_WT)], dim=1)

    def nothing(self, windows: int, width: int, device: torch.device) -> Tensor:
        """What windows without a past have, [B, F]."""
        return torch.zeros(windows, width + (self.vocab_size if self.config.bias else 0), device=device)

    def logits(self, h_RD: Tensor, fitted_RF: Tensor) -> Tensor:
        """Logits [R, V] of states with what was fitted for each."""
        offset_RD, bias_RV = fitted_RF[:, : h_RD.shape[-1]], fitted_RF[:, h_RD.shape[-1] :]
        return self._head(h_RD + offset_RD, bias_RV if self.config.bias else None)

    def _head(self, h: Tensor, bias: Tensor | None) -> Tensor:
        """Logits; a bias joins them before the soft cap."""
        if bias is None:
            return self.model.head(h)
        with tapped(self.model, lambda name, x, y: y + bias):
            return self.model.head(h)

    @torch.enable_grad()
    def _descend(self, h_WTD: Tensor, y_WT: Tensor) -> list[Tensor]:
        c = self.config
        fitted = [torch.zeros_like(h_WTD[:, :1]).requires_grad_(True)]
        if c.bias:
            fitted.append(h_WTD.new_zeros(len(h_WTD), 1, self.vocab_size).requires_grad_(True))
        optimizer = torch.optim.AdamW(fitted, lr=c.lr, betas=c.betas, eps=c.eps, weight_decay=c.weight_decay)
        per_window_W = (y_WT != -100).sum(dim=1)
        for step in range(c.steps):
            for group in optimizer.param_groups:
                group["lr"] = step_rate(c, step)
            logits_WTV = self._head(h_WTD + fitted[0], fitted[1] if c.bias else None)
            nats_WT = F.cross_entropy(
                logits_WTV.float().flatten(0, 1), y_WT.flatten(), reduction="none", ignore_index=-100
            ).view_as(y_WT)
            gradients = torch.autograd.grad((nats_WT.sum(dim=1) / per_window_W).sum(), fitted)
            for tensor, gradient in zip(fitted, gradients, strict=True):
                tensor.grad = gradient
            optimizer.step()
        return [tensor.detach() for tensor in fitted]


def _padded(values: Tensor, length: int, fill: float) -> Tensor:
    """`values` [T, …] with `fill` after them up to `length`."""
    after = [0, 0] * (values.ndim - 1) + [0, length - len(values)]
    return F.pad(values, after, value=fill)


class SlotScorer:
    """A frozen model with one fitted offset (and optionally one logit bias) per window."""

    part = "slot"
    barrier_rows: int | None = None

    def __init__(self, forward: WindowForward, vocab_size: int, config: SlotConfig) -> None:
        self.forward = forward
        self.vocab_size = vocab_size
        self.config = config
        self.fitter = OffsetFit(forward.model, vocab_size, config)
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
            fitted_BF = self._fit(h_BTD, self.forward.ids(block, windows), windows, skip)
            window_R = torch.cat([torch.full((c.stop - c.first,), b) for b, c in enumerate(map(block.cut, windows))])
            rows_of[number] = log_rows(self.fitter.logits(scored(h_BTD, block, windows, skip), fitted_BF[window_R]))
            fitted_of[number] = fitted_BF
        if block.closes and self.config.steps:
            self._ahead[block.ids_N.tobytes()] = self.forward.gather_windows(block, fitted_of)
        return self.forward.gather(block, rows_of, self.vocab_size)

    def _fit(self, h_BTD: Tensor, ids_BT: Tensor, windows: tuple[Window, ...], skip: int) -> Tensor:
        """What each window is scored with, [B, F]: fitted on its own positions before its first scored row."""
        fitted_BF = self.fitter.nothing(len(windows), h_BTD.shape[-1], h_BTD.device)
        with_past = [b for b, window in enumerate(windows) if _has_past(window)]
        if with_past and self.config.steps:
            stops = [(b, windows[b].first - windows[b].start) for b in with_past]
            fitted_BF[with_past] = self.fitter.fit(
                [(h_BTD[b, : stop - skip], ids_BT[b, skip + 1 : stop + 1]) for b, stop in stops]
            )
        return fitted_BF

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
