"""Combinators of scorers: rows in, rows out, always normalised.

`GeometricMix` raises each scorer's row to a learned power and normalises: p(v) ∝ Π_i p_i(v)^w_i. The weights start at
"the first scorer alone", sit in a table of gate cells (how long the matched context is × how unsure the first scorer
is) plus one shared row, and follow the gradient E_p[log p_i] − log p_i(target) with AdaGrad steps. The loss is convex
in the weights (Mattern 2013), hence no tuning per text.

The mixture is guarded: it and the first scorer alone are averaged under their posterior (with a little fixed share,
Herbster and Warmuth 1998), so an expert that is of no use costs about ln 2 nats in all, however long the text.

Weights move only at multiples of `every` rows of the stream, so rows do not depend on how blocks are cut; within a
block earlier targets are used at once, as an overlay that `observe` makes permanent.

R rows, V vocabulary, S scorers, C gate cells.
"""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.config import MixConfig
from golfctl.scoring.outcome import Outcome, tensors_sha256
from golfctl.scoring.protocol import Block, Scorer

ENTROPY_EDGES = (0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)  # nats
_TINY = 1e-37  # what float32 still holds as a normal number
_STRIP = 128  # rows


@runtime_checkable
class Gated(Protocol):
    """A scorer that says, per row of its last prediction, in which of `gates` situations it was."""

    gates: int
    gate_R: np.ndarray


def entropy(rows_RV: Tensor) -> Tensor:
    """Entropy of each row in nats, [R]."""
    return _probabilities(rows_RV)[1]


def _probabilities(rows_RV: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities [R, V] and the entropy of each row [R], a few rows at a time: they stay in the cache."""
    p_RV, entropy_R = torch.empty_like(rows_RV), rows_RV.new_empty(len(rows_RV))
    for first in range(0, len(rows_RV), _STRIP):
        part = slice(first, first + _STRIP)
        torch.softmax(rows_RV[part], dim=-1, out=p_RV[part])  # of normalised rows their exp, twice as fast
        torch.sum(p_RV[part] * rows_RV[part], dim=-1, out=entropy_R[part])
    return p_RV, entropy_R.neg_()


class Combination:
    """What all combinations share: inner scorers and their life cycle. The first scorer leads."""

    def __init__(self, scorers: list[Scorer]) -> None:
        self.scorers = scorers
        self.vocab_size = scorers[0].vocab_size
        barriers = {s.barrier_rows for s in scorers if s.barrier_rows}
        if len(barriers) > 1:
            raise ValueError(f"scorers with different chunks {barriers} cannot be mixed")
        self.barrier_rows = barriers.pop() if barriers else None

    def reset(self, prefix_N: np.ndarray) -> None:
        """Reset every scorer."""
        for scorer in self.scorers:
            scorer.reset(prefix_N)

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """Show every scorer the targets."""
        for scorer in self.scorers:
            scorer.observe(block, targets_R)

    def gates(self, entropy_R: Tensor) -> Tensor:
        """Gate cell of each row [R]: matched length × entropy of the leading scorer."""
        cell_R = torch.bucketize(entropy_R, torch.tensor(ENTROPY_EDGES, device=entropy_R.device))
        for scorer in self.scorers[1:]:
            if isinstance(scorer, Gated):
                return cell_R + len_edges() * torch.from_numpy(scorer.gate_R).to(cell_R.device)
        return cell_R

    @property
    def cells(self) -> int:
        """Number of gate cells."""
        lengths = next((s.gates for s in self.scorers[1:] if isinstance(s, Gated)), 1)
        return len_edges() * lengths


def len_edges() -> int:
    """Number of entropy buckets."""
    return len(ENTROPY_EDGES) + 1


@dataclass
class WeightState:
    """Weights per cell with one shared row on top, their squared gradients, and the gradient not yet applied."""

    weight_CS: Tensor
    square_CS: Tensor
    pending_CS: Tensor

    @classmethod
    def start(cls, cells: int, scorers: int, device: torch.device) -> "WeightState":
        """The first scorer alone: the shared row (the last one) is (1, 0, …), all cells are 0."""
        zeros = torch.zeros(cells + 1, scorers, dtype=torch.float64, device=device)
        weight_CS = zeros.clone()
        weight_CS[-1, 0] = 1.0
        return cls(weight_CS, zeros.clone(), zeros.clone())

    def copy(self) -> "WeightState":
        """An independent copy."""
        return WeightState(self.weight_CS.clone(), self.square_CS.clone(), self.pending_CS.clone())

    def of(self, cell_R: Tensor) -> Tensor:
        """Weights [R, S] of rows."""
        return self.weight_CS.index_select(0, cell_R).add_(self.weight_CS[-1]).float()

    def push(self, cell_R: Tensor, gradient_RS: Tensor) -> None:
        """Remember gradients of rows."""
        gradient_RS = gradient_RS.double()
        self.pending_CS.index_add_(0, cell_R, gradient_RS)
        self.pending_CS[-1] += gradient_RS.sum(dim=0)

    def apply(self, lr: float) -> None:
        """One AdaGrad step with what is remembered."""
        self.square_CS.addcmul_(self.pending_CS, self.pending_CS)
        self.weight_CS.addcdiv_(self.pending_CS, (self.square_CS + 1.0).sqrt_(), value=-lr)
        self.pending_CS.zero_()


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
        return share + (1 - 2 * share) * torch.sigmoid(self.log_odds)

    def apply(self, trust: Tensor) -> None:
        """Update the odds, those of `trust` so far, with the nats gained since the last step."""
        self.log_odds = torch.logit(trust).add_(self.pending)
        self.pending.zero_()


@dataclass
class _Ahead:
    """State after a predicted block, but for its last row, whose target is not known yet."""

    state: WeightState
    guard: Guard
    cell: Tensor
    mean_S: Tensor
    logp_SV: Tensor
    mixed_V: Tensor
    ends_step: bool


class GeometricMix(Combination):
    """The gated geometric mixture."""

    part = "mix"

    def __init__(self, scorers: list[Scorer], config: MixConfig, device: torch.device) -> None:
        super().__init__(scorers)
        self.config = config
        self.device = device
        self.reset(np.zeros(0, np.int64))

    def reset(self, prefix_N: np.ndarray) -> None:
        """Weights back to the first scorer alone."""
        super().reset(prefix_N)
        self._state = WeightState.start(self.cells, len(self.scorers), self.device)
        self._guard = Guard.start(self.device)
        self._ahead: dict[bytes, _Ahead] = {}

    @torch.no_grad()
    def predict(self, block: Block) -> Tensor:
        """Log-probability rows [R, V]."""
        rows = [scorer.predict(block) for scorer in self.scorers]
        p_RV, entropy_R = _probabilities(rows[0])
        cell_R = self.gates(entropy_R)
        target_R1 = torch.from_numpy(block.inputs(block.first + 1, block.stop)).to(self.device)[:, None]
        got_RS = torch.cat([r[:-1].gather(1, target_R1) for r in rows], dim=1)  # all rows but the last
        state, guard = self._state.copy(), self._guard.copy()
        for begin, stop in segments(block.first, block.stop, self.config.every):
            part, known = slice(begin - block.first, stop - block.first), min(stop, block.stop - 1) - begin
            logp, seen = [r[part] for r in rows], slice(part.start, part.start + known)
            mixed_RV = torch.softmax(_weighted(logp, state.of(cell_R[part])), dim=-1)
            mean_RS = torch.stack([(mixed_RV * row_RV).sum(dim=-1) for row_RV in logp], dim=1)
            trust = guard.trust(self.config.share)
            _take_log(p_RV[part].lerp_(mixed_RV, trust.float()).clamp_min_(_TINY))
            if known:
                won_R1, got = mixed_RV[:known].gather(1, target_R1[seen]).clamp_min_(_TINY).log_(), got_RS[seen]
                guard.pending += (won_R1 - got[:, :1]).sum(dtype=torch.float64)
                state.push(cell_R[seen], mean_RS[:known] - got)
            if stop % self.config.every == 0 and known == stop - begin:
                state.apply(self.config.lr)
                guard.apply(trust)
        last = _Ahead(
            state, guard, cell_R[-1:], mean_RS[-1], torch.stack([row[-1] for row in rows]),
            mixed_RV[-1], not stop % self.config.every,
        )  # fmt: skip
        self._ahead[block.ids_N.tobytes()] = last
        return p_RV  # by now the logarithms of the mixture

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """Make the overlay of this block permanent, with the gradient of its last row."""
        super().observe(block, targets_R)
        ahead, target = self._ahead[block.ids_N.tobytes()], int(targets_R[-1])
        self._state, self._guard = ahead.state, ahead.guard
        self._state.push(ahead.cell, (ahead.mean_S - ahead.logp_SV[:, target])[None])
        self._guard.pending += (ahead.mixed_V[target].clamp_min(_TINY).log() - ahead.logp_SV[0, target]).double()
        if ahead.ends_step:
            self._state.apply(self.config.lr)
            self._guard.apply(self._guard.trust(self.config.share))
        self._ahead = {}

    def save(self) -> dict[str, Tensor]:
        """Weights and guard."""
        return {**vars(self._state), **vars(self._guard)}

    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Continue from there."""
        on = {key: value.to(self.device) for key, value in saved.items()}
        self._state = WeightState(on["weight_CS"], on["square_CS"], on["pending_CS"])
        self._guard = Guard(on["log_odds"], on["pending"])
        self._ahead = {}

    def outcome(self) -> Outcome:
        """The shared weights and the trust in the mixture that the run ended with."""
        sha256 = tensors_sha256(self.save().items())
        if not self._state.square_CS.any():
            return Outcome(False, f"never adapted: the text has no {self.config.every} targets; lower every", sha256)
        weights = ", ".join(f"{weight:.3f}" for weight in self._state.weight_CS[-1].tolist())
        trust = float(self._guard.trust(self.config.share))
        return Outcome(True, f"shared weights {weights} (the model first), mixture trusted {trust:.4f}", sha256)

    def state_id(self) -> str:
        """Digest of the scorers' states and the weights."""
        digest = hashlib.sha256(" ".join(scorer.state_id() for scorer in self.scorers).encode())
        s, g = self._state, self._guard
        for tensor in (s.weight_CS, s.square_CS, s.pending_CS, g.log_odds, g.pending):
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()


def _take_log(x_RV: Tensor) -> None:
    """Logarithms in place; on CPUs numpy's, of the same accuracy in half the time of torch's."""
    if x_RV.is_cpu:
        np.log(x_RV.numpy(), out=x_RV.numpy())
    else:
        x_RV.log_()


def _weighted(logp: list[Tensor], weight_RS: Tensor) -> Tensor:
    z_RV = logp[0] * weight_RS[:, :1]
    for s, row_RV in enumerate(logp[1:], start=1):
        z_RV.addcmul_(row_RV, weight_RS[:, s : s + 1])
    return z_RV


def mix_rows(logp: list[Tensor], weight_RS: Tensor) -> Tensor:
    """log Π p_i^w_i / Z for rows [R, V] and weights [R, S]; Z is the exact sum over the vocabulary."""
    z_RV = _weighted(logp, weight_RS)
    return z_RV.sub_(torch.logsumexp(z_RV, dim=-1, keepdim=True))


def segments(first: int, stop: int, every: int) -> list[tuple[int, int]]:
    """[first, stop) cut at multiples of `every`."""
    cuts = [first, *range((first // every + 1) * every, stop, every), stop]
    return list(pairwise(cuts))


class LinearMix(Combination):
    """(1 − a) p + a q with a weight a that is fixed or rises with the entropy of the first scorer."""

    def __init__(self, scorers: list[Scorer], config: MixConfig) -> None:
        """Two scorers; `config.rule` says which weight."""
        super().__init__(scorers)
        if len(scorers) != 2:
            raise ValueError("a linear mixture takes two scorers")
        self.config = config

    @torch.no_grad()
    def predict(self, block: Block) -> Tensor:
        """Log-probability rows [R, V]."""
        p_RV, q_RV = (scorer.predict(block) for scorer in self.scorers)
        weight_R1 = self.weight(p_RV)[:, None]
        if self.config.rule == "linear":
            expert = self.scorers[1]
            if isinstance(expert, Gated):
                weight_R1 = weight_R1 * torch.from_numpy(expert.gate_R > 0).to(p_RV.device)[:, None]
        return torch.logaddexp(p_RV + torch.log1p(-weight_R1), q_RV + weight_R1.log())

    def weight(self, p_RV: Tensor) -> Tensor:
        """The weight of the second scorer for each row, from the prefix alone."""
        c = self.config
        if c.rule == "fixed":
            return torch.full((len(p_RV),), c.weight, device=p_RV.device)
        return c.low + c.span * torch.sigmoid(c.slope * (entropy(p_RV) - c.center))

    def state_id(self) -> str:
        """Digest of the scorers' states."""
        return hashlib.sha256(" ".join(scorer.state_id() for scorer in self.scorers).encode()).hexdigest()
