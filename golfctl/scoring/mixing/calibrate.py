"""Online calibration: a temperature per entropy bucket and a bias per token, learned from what was scored.

    p'(v) ∝ p(v)^w · exp(b_v),   w = shared weight + weight of the row's entropy bucket

Both follow the gradient of the log-loss with AdaGrad steps, only at multiples of `every` rows, so rows do not depend
on how blocks are cut. While a question is answered, a copy learns from the targets that are known; `observe` shows it
the others and makes it permanent. R rows, V vocabulary, C entropy buckets.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from golfctl import arithmetic
from golfctl.arithmetic.mode import is_portable
from golfctl.scoring.config import CalibrateConfig
from golfctl.scoring.mixing.gate_cells import ENTROPY_CELLS, entropy_cells
from golfctl.scoring.mixing.learned import Biases, Weights
from golfctl.scoring.mixing.parts import Ahead, parts
from golfctl.scoring.mixing.row_math import entropy, mixed_rows
from golfctl.scoring.outcome import Outcome, tensors_sha256
from golfctl.scoring.protocol import Ask, Scorer


@dataclass
class _Calibrated:
    """Rows before and after."""

    cell_R: Tensor
    rows_RV: Tensor
    out_RV: Tensor

    def of(self, rows: slice, kept: bool = False) -> "_Calibrated":
        """Some of the rows; as a copy where they are `kept` and the others need not be."""
        cut = (self.cell_R[rows], self.rows_RV[rows], self.out_RV[rows])
        return _Calibrated(*(tensor.clone() for tensor in cut)) if kept else _Calibrated(*cut)


@dataclass
class _Learned:
    """Everything that the targets change."""

    weights: Weights
    biases: Biases

    def copy(self) -> "_Learned":
        """An independent copy."""
        return _Learned(self.weights.copy(), self.biases.copy())

    def calibrate(self, cell_R: Tensor, rows_RV: Tensor) -> Tensor:
        """The rows with the temperatures of their buckets and the biases."""
        ones_R1 = torch.ones(len(rows_RV), 1, device=rows_RV.device)
        weight_RS = torch.cat([self.weights.of(cell_R), ones_R1], dim=1)
        return mixed_rows([rows_RV, self.biases.bias_V.float().expand(len(rows_RV), -1)], weight_RS)

    def push(self, rows: _Calibrated, target_R: Tensor) -> None:
        """Remember what the targets of these rows say, if there are any."""
        if not len(target_R):
            return
        if is_portable():
            p_RV = arithmetic.exp(rows.out_RV)
            mean_R = arithmetic.dot_last(p_RV, rows.rows_RV)
        else:
            p_RV = rows.out_RV.exp()
            mean_R = torch.einsum("rv,rv->r", p_RV, rows.rows_RV)
        self.weights.push(rows.cell_R, mean_R[:, None] - rows.rows_RV.gather(1, target_R[:, None]))
        self.biases.push(p_RV, target_R)

    def move(self, config: CalibrateConfig) -> None:
        """Let temperatures and biases follow what is remembered."""
        self.weights.move(config.lr)
        self.biases.move(config.bias_lr)


class CalibratedScorer:
    """Wraps a scorer; starts as the identity."""

    part = "calibrate"

    def __init__(self, inner: Scorer, config: CalibrateConfig, device: torch.device) -> None:
        self.inner = inner
        self.config = config
        self.device = device
        self.vocab_size = inner.vocab_size
        self.barrier_rows = inner.barrier_rows
        self.reset(np.zeros(0, np.int64))

    def reset(self, prefix_N: np.ndarray) -> None:
        """Temperature one, no bias."""
        self.inner.reset(prefix_N)
        weights = Weights.start(ENTROPY_CELLS, 1, self.device)
        self._learned = _Learned(weights, Biases.start(self.vocab_size, self.device))
        self._ahead: dict[bytes, Ahead[_Learned]] = {}

    @torch.no_grad()
    def predict(self, ask: Ask, /) -> Tensor:
        """Log-probability rows [R, V]."""
        rows_RV = self.inner.predict(ask)
        known_R = torch.from_numpy(ask.known_R).to(self.device)
        rows = _Calibrated(entropy_cells(entropy(rows_RV)), rows_RV, torch.empty_like(rows_RV))
        learned = self._learned.copy()
        for part in parts(ask, self.config.every):
            rows.out_RV[part.rows] = learned.calibrate(rows.cell_R[part.rows], rows_RV[part.rows])
            known = slice(part.first, part.known)
            learned.push(rows.of(known), known_R[known])
            if part.known == part.stop:
                learned.move(self.config)
        self._ahead[ask.key] = Ahead(learned, rows.of(slice(part.known, part.stop), kept=True), part.moves)
        return rows.out_RV

    @torch.no_grad()
    def observe(self, ask: Ask, targets_R: np.ndarray, /) -> None:
        """Make permanent what the question taught, with the targets that were not known before."""
        self.inner.observe(ask, targets_R)
        unknown_R = torch.from_numpy(targets_R[len(ask.known_R) :]).to(self.device)
        self._learned, self._ahead = self._ahead[ask.key].settled(unknown_R, self.config), {}

    def save(self) -> dict[str, Tensor]:
        """Temperatures and biases."""
        return {**vars(self._learned.weights), **vars(self._learned.biases)}

    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Continue from there."""
        on = {key: value.to(self.device) for key, value in saved.items()}
        weights = Weights(on["weight_CS"], on["square_CS"], on["pending_CS"])
        self._learned = _Learned(weights, Biases(on["bias_V"], on["square_V"], on["pending_V"]))
        self._ahead = {}

    def outcome(self) -> Outcome:
        """The temperatures and biases that the run ended with."""
        weight_C, bias_V = self._learned.weights.weight_CS[:, 0], self._learned.biases.bias_V
        sha256 = tensors_sha256(self.save().items())
        if not (self._learned.biases.square_V != 0).any():
            return Outcome(False, f"never adapted: the text has no {self.config.every} targets; lower every", sha256)
        whole_C = weight_C[:-1] + weight_C[-1]
        low, high = (float(1 / w) for w in (whole_C.amax(), whole_C.amin()))
        how = f"temperatures {low:.3f} to {high:.3f}, largest bias {float(bias_V.abs().max()):.3f} nats"
        return Outcome(True, how, sha256)

    def state_id(self) -> str:
        """Digest of the inner state, temperatures and biases."""
        digest = hashlib.sha256(self.inner.state_id().encode())
        for tensor in self.save().values():
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()
