"""Online calibration: a temperature per entropy bucket and a bias per token, learned from what was scored.

    p'(v) ∝ p(v)^w · exp(b_v),   w = shared weight + weight of the row's entropy bucket

Both follow the gradient of the log-loss with AdaGrad steps, only at multiples of `every` rows, so rows do not depend
on how blocks are cut; within a block earlier targets are used at once. R rows, V vocabulary, C entropy buckets.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from golfctl.scoring.config import CalibrateConfig
from golfctl.scoring.mixing.mix import ENTROPY_EDGES, WeightState, entropy, len_edges, mix_rows, segments
from golfctl.scoring.outcome import Outcome, tensors_sha256
from golfctl.scoring.protocol import Block, Scorer


@dataclass
class _State:
    """Temperatures and biases with what their next step needs."""

    weights: WeightState
    bias_V: Tensor
    square_V: Tensor
    pending_V: Tensor

    def copy(self) -> "_State":
        """An independent copy."""
        return _State(self.weights.copy(), self.bias_V.clone(), self.square_V.clone(), self.pending_V.clone())

    def apply(self, config: CalibrateConfig) -> None:
        """One step with the gradients remembered."""
        self.weights.apply(config.lr)
        self.square_V += self.pending_V**2
        self.bias_V -= config.bias_lr * self.pending_V / (self.square_V + 1.0).sqrt()
        self.pending_V = torch.zeros_like(self.pending_V)


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
        zeros_V = torch.zeros(self.vocab_size, dtype=torch.float64, device=self.device)
        weights = WeightState.start(len_edges(), 1, self.device)
        self._state = _State(weights, zeros_V.clone(), zeros_V.clone(), zeros_V.clone())
        self._ahead: dict[bytes, tuple[_State, Tensor, Tensor, Tensor]] = {}

    @torch.no_grad()
    def predict(self, block: Block) -> Tensor:
        """Log-probability rows [R, V]."""
        rows_RV = self.inner.predict(block)
        cell_R = torch.bucketize(entropy(rows_RV), torch.tensor(ENTROPY_EDGES, device=self.device))
        target_R = torch.from_numpy(block.inputs(block.first + 1, block.stop)).to(self.device)
        state, out_RV = self._state.copy(), torch.empty_like(rows_RV)
        for begin, stop in segments(block.first, block.stop, self.config.every):
            part = slice(begin - block.first, stop - block.first)
            ones_R1 = torch.ones(stop - begin, 1, device=self.device)
            weight_RS = torch.cat([state.weights.of(cell_R[part]), ones_R1], dim=1)
            bias_RV = state.bias_V.float().expand(stop - begin, -1)
            out_RV[part] = mix_rows([rows_RV[part], bias_RV], weight_RS)
            known = min(stop, block.stop - 1) - begin
            if known:
                self._push(
                    state, cell_R[part][:known], out_RV[part][:known], rows_RV[part][:known], target_R[part][:known]
                )
            if stop % self.config.every == 0 and known == stop - begin:
                state.apply(self.config)
        self._ahead[block.ids_N.tobytes()] = (state, cell_R[-1:], out_RV[-1:], rows_RV[-1:])
        return out_RV

    @staticmethod
    def _push(state: _State, cell_R: Tensor, out_RV: Tensor, rows_RV: Tensor, target_R: Tensor) -> None:
        p_RV, y_R1 = out_RV.exp(), target_R[:, None]
        mean_R1 = torch.einsum("rv,rv->r", p_RV, rows_RV)[:, None]
        state.weights.push(cell_R, mean_R1 - rows_RV.gather(1, y_R1))
        state.pending_V += p_RV.sum(dim=0).double()
        state.pending_V -= torch.bincount(target_R, minlength=p_RV.shape[1])

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """Make the overlay of this block permanent, with the gradient of its last row."""
        self.inner.observe(block, targets_R)
        self._state, cell_R, out_RV, rows_RV = self._ahead[block.ids_N.tobytes()]
        self._push(self._state, cell_R, out_RV, rows_RV, torch.from_numpy(targets_R[-1:]).to(self.device))
        if block.stop % self.config.every == 0:
            self._state.apply(self.config)
        self._ahead = {}

    def save(self) -> dict[str, Tensor]:
        """Temperatures and biases."""
        s = self._state
        return {**vars(s.weights), "bias_V": s.bias_V, "square_V": s.square_V, "pending_V": s.pending_V}

    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Continue from there."""
        on = {key: value.to(self.device) for key, value in saved.items()}
        weights = WeightState(on["weight_CS"], on["square_CS"], on["pending_CS"])
        self._state = _State(weights, on["bias_V"], on["square_V"], on["pending_V"])
        self._ahead = {}

    def outcome(self) -> Outcome:
        """The temperatures and biases that the run ended with."""
        weight_C, bias_V = self._state.weights.weight_CS[:, 0], self._state.bias_V
        sha256 = tensors_sha256(self.save().items())
        if not self._state.square_V.any():
            return Outcome(False, f"never adapted: the text has no {self.config.every} targets; lower every", sha256)
        low, high = (float(1 / w) for w in (weight_C[:-1] + weight_C[-1]).aminmax()[::-1])
        how = f"temperatures {low:.3f} to {high:.3f}, largest bias {float(bias_V.abs().max()):.3f} nats"
        return Outcome(True, how, sha256)

    def state_id(self) -> str:
        """Digest of the inner state, temperatures and biases."""
        s = self._state
        tensors = (s.weights.weight_CS, s.weights.square_CS, s.weights.pending_CS, s.bias_V, s.square_V, s.pending_V)
        digest = hashlib.sha256(self.inner.state_id().encode())
        for tensor in tensors:
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()
