"""The gated geometric mixture: rows of several scorers in, rows out, always normalised.

Each scorer's row is raised to a learned power and the product normalised: p(v) ∝ Π_s p_s(v)^w_s. The weights start at
"the first scorer alone", sit in a table of gate cells (how long the matched context is × how unsure the first scorer
is) plus one shared row, and follow the gradient E_p[log p_s] − log p_s(target) with AdaGrad steps. The loss is convex
in the weights (Mattern 2013), hence no tuning per text.

The mixture is guarded: it and the first scorer alone are averaged under their posterior (with a little fixed share,
Herbster and Warmuth 1998), so an expert that is of no use costs about ln 2 nats in all, however long the text.

Weights and trust move only at multiples of `every` rows of the stream, so rows do not depend on how blocks are cut.
While a question is answered, a copy of them learns from the targets that are known; `observe` shows it the others and
makes it permanent.

R rows, V vocabulary, S scorers, C gate cells.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.config import MixConfig
from golfctl.scoring.mixing.combination import Combination
from golfctl.scoring.mixing.gate_cells import ENTROPY_CELLS, entropy_cells, first_gated
from golfctl.scoring.mixing.learned import Guard, Weights
from golfctl.scoring.mixing.parts import Ahead, parts
from golfctl.scoring.mixing.row_math import TINY, blend_to_logs, logs, means, mixed_probabilities, probabilities
from golfctl.scoring.outcome import Outcome, tensors_sha256
from golfctl.scoring.protocol import Ask, Scorer


@dataclass
class _Mixed:
    """Rows of the mixture that were made with the same weights, and what their targets will be compared with."""

    cell_R: Tensor
    logp: list[Tensor]
    """The rows [R, V] of each scorer."""
    mixed_RV: Tensor
    """Probabilities."""
    mean_RS: Tensor
    """What the mixture expects of each scorer's log-probability."""

    def before(self, row: int) -> "_Mixed":
        """The rows before `row`."""
        return _Mixed(self.cell_R[:row], [p_RV[:row] for p_RV in self.logp], self.mixed_RV[:row], self.mean_RS[:row])

    def kept_from(self, row: int) -> "_Mixed":
        """A copy of the rows from `row` on, so that the others need not be kept."""
        logp = [p_RV[row:].clone() for p_RV in self.logp]
        return _Mixed(self.cell_R[row:].clone(), logp, self.mixed_RV[row:].clone(), self.mean_RS[row:].clone())


@dataclass
class _Learned:
    """Everything that the targets change."""

    weights: Weights
    guard: Guard

    def copy(self) -> "_Learned":
        """An independent copy."""
        return _Learned(self.weights.copy(), self.guard.copy())

    def mix(self, cell_R: Tensor, logp: list[Tensor]) -> _Mixed:
        """The mixture of these rows."""
        mixed_RV = mixed_probabilities(logp, self.weights.of(cell_R))
        return _Mixed(cell_R, logp, mixed_RV, means(mixed_RV, logp))

    def push(self, rows: _Mixed, target_R: Tensor) -> None:
        """Remember what the targets of these rows say, if there are any."""
        if not len(target_R):
            return
        target_R1 = target_R[:, None]
        got_RS = torch.cat([p_RV.gather(1, target_R1) for p_RV in rows.logp], dim=1)
        won_R1 = logs(rows.mixed_RV.gather(1, target_R1).clamp_min(TINY))
        self.weights.push(rows.cell_R, rows.mean_RS - got_RS)
        self.guard.push((won_R1 - got_RS[:, :1])[:, 0])

    def move(self, config: MixConfig) -> None:
        """Let the weights and the trust follow what is remembered."""
        self.weights.move(config.lr)
        self.guard.move(config.share)


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
        gated = first_gated(self.scorers[1:])
        cells = ENTROPY_CELLS * (gated.gates if gated else 1)
        self._learned = _Learned(Weights.start(cells, len(self.scorers), self.device), Guard.start(self.device))
        self._ahead: dict[bytes, Ahead[_Learned]] = {}

    @torch.no_grad()
    def predict(self, ask: Ask, /) -> Tensor:
        """Log-probability rows [R, V]."""
        rows = [scorer.predict(ask) for scorer in self.scorers]
        p_RV, entropy_R = probabilities(rows[0])
        cell_R, known_R = self._cells(entropy_R), torch.from_numpy(ask.known_R).to(self.device)
        learned = self._learned.copy()
        for part in parts(ask, self.config.every):
            mixed = learned.mix(cell_R[part.rows], [row_RV[part.rows] for row_RV in rows])
            blend_to_logs(p_RV[part.rows], mixed.mixed_RV, learned.guard.trust(self.config.share).float())
            learned.push(mixed.before(part.known - part.first), known_R[part.first : part.known])
            if part.known == part.stop:
                learned.move(self.config)
        self._ahead[ask.key] = Ahead(learned, mixed.kept_from(part.known - part.first), part.moves)
        return p_RV  # by now the logarithms of the mixture

    def _cells(self, entropy_R: Tensor) -> Tensor:
        """Gate cell of each row [R]: matched length × entropy of the leading scorer."""
        cell_R, gated = entropy_cells(entropy_R), first_gated(self.scorers[1:])
        return cell_R + ENTROPY_CELLS * torch.from_numpy(gated.gate_R).to(cell_R.device) if gated else cell_R

    @torch.no_grad()
    def observe(self, ask: Ask, targets_R: np.ndarray, /) -> None:
        """Make permanent what the question taught, with the targets that were not known before."""
        super().observe(ask, targets_R)
        unknown_R = torch.from_numpy(targets_R[len(ask.known_R) :]).to(self.device)
        self._learned, self._ahead = self._ahead[ask.key].settled(unknown_R, self.config), {}

    def save(self) -> dict[str, Tensor]:
        """Weights and guard."""
        return {**vars(self._learned.weights), **vars(self._learned.guard)}

    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Continue from there."""
        on = {key: value.to(self.device) for key, value in saved.items()}
        weights = Weights(on["weight_CS"], on["square_CS"], on["pending_CS"])
        self._learned = _Learned(weights, Guard(on["log_odds"], on["pending"]))
        self._ahead = {}

    def outcome(self) -> Outcome:
        """The shared weights and the trust in the mixture that the run ended with."""
        sha256 = tensors_sha256(self.save().items())
        if not (self._learned.weights.square_CS != 0).any():
            return Outcome(False, f"never adapted: the text has no {self.config.every} targets; lower every", sha256)
        weights = ", ".join(f"{weight:.3f}" for weight in self._learned.weights.weight_CS[-1].tolist())
        trust = float(self._learned.guard.trust(self.config.share))
        return Outcome(True, f"shared weights {weights} (the model first), mixture trusted {trust:.4f}", sha256)

    def state_id(self) -> str:
        """Digest of the scorers' states and the weights."""
        digest = hashlib.sha256(" ".join(scorer.state_id() for scorer in self.scorers).encode())
        for tensor in self.save().values():
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()
