"""Numbers that are learned online: weights by gate cell, the trust in a mixture, a bias for each token.

They collect what the targets say and move only when told to. In portable arithmetic collecting goes row by row, so
that nothing depends on how many rows are collected at once. R rows, S scorers, C gate cells, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from golfctl import arithmetic
from golfctl.arithmetic.mode import is_portable


@dataclass
class Weights:
    """Weights per cell with one shared row on top, their squared gradients, and the gradient not yet applied."""

    weight_CS: Tensor
    square_CS: Tensor
    pending_CS: Tensor

    @classmethod
    def start(cls, cells: int, scorers: int, device: torch.device) -> "Weights":
        """The first scorer alone: the shared row (the last one) is (1, 0, …), all cells are 0."""
        zeros = torch.zeros(cells + 1, scorers, dtype=torch.float64, device=device)
        weight_CS = zeros.clone()
        weight_CS[-1, 0] = 1.0
        return cls(weight_CS, zeros.clone(), zeros.clone())

    def copy(self) -> "Weights":
        """An independent copy."""
        return Weights(self.weight_CS.clone(), self.square_CS.clone(), self.pending_CS.clone())

    def of(self, cell_R: Tensor) -> Tensor:
        """Weights [R, S] of rows."""
        return self.weight_CS.index_select(0, cell_R).add_(self.weight_CS[-1]).float()

    def push(self, cell_R: Tensor, gradient_RS: Tensor) -> None:
        """Remember gradients of rows."""
        gradient_RS = gradient_RS.double()
        if is_portable():
            arithmetic.add_by_cell(self.pending_CS, cell_R, gradient_RS)
            return
        self.pending_CS.index_add_(0, cell_R, gradient_RS)
        self.pending_CS[-1] += gradient_RS.sum(dim=0)

    def move(self, lr: float) -> None:
        """One AdaGrad step with what is remembered."""
        if is_portable():
            self.square_CS += self.pending_CS * self.pending_CS
            self.weight_CS -= lr * self.pending_CS / arithmetic.sqrt(self.square_CS + 1.0)
        else:
            self.square_CS.addcmul_(self.pending_CS, self.pending_CS)
            self.weight_CS.addcdiv_(self.pending_CS, (self.square_CS + 1.0).sqrt_(), value=-lr)
        self.pending_CS.zero_()


@dataclass
class Biases:
    """A bias per token, its squared gradient, and the gradient not yet applied."""

    bias_V: Tensor
    square_V: Tensor
    pending_V: Tensor

    @classmethod
    def start(cls, vocab_size: int, device: torch.device) -> "Biases":
        """No bias."""
        zeros_V = torch.zeros(vocab_size, dtype=torch.float64, device=device)
        return cls(zeros_V, zeros_V.clone(), zeros_V.clone())

    def copy(self) -> "Biases":
        """An independent copy."""
        return Biases(self.bias_V.clone(), self.square_V.clone(), self.pending_V.clone())

    def push(self, p_RV: Tensor, target_R: Tensor) -> None:
        """Remember by how much rows expected each token more often than it came."""
        if is_portable():
            arithmetic.add_excess(self.pending_V, p_RV, target_R)
            return
        self.pending_V += p_RV.sum(dim=0).double()
        self.pending_V -= torch.bincount(target_R, minlength=p_RV.shape[1])

    def move(self, lr: float) -> None:
        """One AdaGrad step with what is remembered."""
        self.square_V += self.pending_V**2
        scale_V = self.square_V + 1.0
        self.bias_V -= lr * self.pending_V / (arithmetic.sqrt(scale_V) if is_portable() else scale_V.sqrt())
        self.pending_V.zero_()


@dataclass
class Guard:
    """The posterior of the mixture against the first scorer alone."""

    log_odds: Tensor
    pending: Tensor

    @classmethod
    def start(cls, device: torch.device) -> "Guard":
        """Even odds."""
        zero = torch.zeros((), dtype=torch.float64, device=device)
        return cls(zero, zero.clone())

    def copy(self) -> "Guard":
        """An independent copy."""
        return Guard(self.log_odds.clone(), self.pending.clone())

    def trust(self, share: float) -> Tensor:
        """Weight of the mixture, kept `share` away from 0 and 1."""
        odds = arithmetic.sigmoid(self.log_odds) if is_portable() else torch.sigmoid(self.log_odds)
        return share + (1 - 2 * share) * odds

    def push(self, gain_R: Tensor) -> None:
        """Remember by how many nats rows of the mixture did better."""
        if not is_portable():
            self.pending += gain_R.sum(dtype=torch.float64)
            return
        total = float(self.pending)
        for gain in gain_R.tolist():
            total += gain
        self.pending.fill_(total)

    def move(self, share: float) -> None:
        """Update the odds, those of the trust so far, with the nats gained since the last move."""
        trust = self.trust(share)
        odds = arithmetic.log(trust / (1 - trust)) if is_portable() else torch.logit(trust)
        self.log_odds = odds.add_(self.pending)
        self.pending.zero_()
