"""Toy SLOT scorers: a small correction fitted at test time, shared over windows or not, honest or not.

Every step needs only the base probabilities: with e = exp(shift), softmax(base + shift) = P·e / (P·e summed), so no
logits are recomputed.

Legend: S texts, K windows, G groups of windows, B windows of a group, L window, D hidden, V vocabulary.
"""

import numpy as np

from golfctl.auditing.toys.model import STRIDE, ToyModel, pick, softmax, window_hidden

STEPS, RATE, BIAS_RATE = 5, 0.012, 0.15


class _Groups:
    """Windows in groups that share a correction: base probabilities, targets, and which positions may be fitted."""

    def __init__(self, model: ToyModel, text_SN: np.ndarray, batch: int) -> None:
        hidden_SKLD, target_KL = window_hidden(model, text_SN)
        S, K, L, _ = hidden_SKLD.shape
        N = text_SN.shape[1]
        self.shape, self.batch, self.count = (S, -(-K // batch), batch * L), batch, N - 1
        probs_SKLV = softmax(np.matmul(hidden_SKLD, model.out_DV) + model.bias_V)
        valid_KL = (target_KL >= 1) & (target_KL < N)
        self.target_KL, self.valid_KL = target_KL, valid_KL
        self.probs = self._grouped(probs_SKLV)
        answer_SKL = text_SN[:, np.clip(target_KL, 0, N - 1)].astype(np.int64)
        self.answer = self._grouped(answer_SKL[..., None])[..., 0].astype(np.int64)

    def _grouped(self, array: np.ndarray) -> np.ndarray:
        S, K, L, V = array.shape
        padded = np.zeros((S, self.shape[1] * self.batch, L, V))
        padded[:, :K] = array
        return padded.reshape(*self.shape, V)

    def mask(self, allowed_KL: np.ndarray) -> np.ndarray:
        """A [K, L] mask of positions as [G, B·L] weights."""
        K, L = allowed_KL.shape
        padded = np.zeros((self.shape[1] * self.batch, L))
        padded[:K] = allowed_KL & self.valid_KL
        return padded.reshape(self.shape[1:])

    def fit(self, model: ToyModel, mask_GM: np.ndarray, rate: float, with_bias: bool) -> np.ndarray:
        """Adam on delta (and bias) for STEPS steps; returns the shift of the logits, [S, G, V]."""
        S, G, _ = self.shape
        V = model.out_DV.shape[1]
        total_G = np.maximum(mask_GM.sum(axis=1), 1.0)
        onehot = np.zeros((S, G, V))
        for v in range(V):
            onehot[..., v] = ((self.answer == v) * mask_GM).sum(axis=-1)
        delta, bias = _Adam((S, G, len(model.out_DV)), rate), _Adam((S, G, V), rate)
        for _ in range(STEPS):
            factor = np.exp(np.matmul(delta.value, model.out_DV) + bias.value)
            mass = np.matmul(self.probs, factor[..., None])[..., 0]
            weight = mask_GM / np.where(mass > 0, mass, 1.0)
            expected = factor * np.matmul(weight[:, :, None, :], self.probs)[:, :, 0]
            gradient = (expected - onehot) / total_G[:, None]
            delta.step(np.matmul(gradient, model.out_DV.T))
            if with_bias:
                bias.step(gradient)
        return np.matmul(delta.value, model.out_DV) + bias.value

    def score(self, shift: np.ndarray) -> np.ndarray:
        """−ln p of every target once, [S, N−1]: the last STRIDE positions of each window."""
        factor = np.exp(shift)
        mass = np.matmul(self.probs, factor[..., None])[..., 0]
        chosen = pick(self.probs, self.answer) * np.take_along_axis(factor, self.answer, axis=-1)
        safe = np.where(mass > 0, mass, 1.0)
        with np.errstate(divide="ignore"):
            nll = -np.log(np.where(mass > 0, chosen / safe, 1.0))
        S = self.shape[0]
        nll_SKL = nll.reshape(S, -1, self.target_KL.shape[1])
        return np.ascontiguousarray(nll_SKL[:, :, -STRIDE:].reshape(S, -1)[:, : self.count])


class _Adam:
    def __init__(self, shape: tuple[int, ...], rate: float) -> None:
        self.value, self.rate = np.zeros(shape), rate
        self._mean, self._square, self._count = np.zeros(shape), np.zeros(shape), 0

    def step(self, gradient: np.ndarray) -> None:
        self._count += 1
        self._mean = 0.9 * self._mean + 0.1 * gradient
        self._square = 0.95 * self._square + 0.05 * gradient**2
        mean, square = self._mean / (1 - 0.9**self._count), self._square / (1 - 0.95**self._count)
        self.value = self.value - self.rate * mean / (np.sqrt(square) + 1e-8)


def _context_only(groups: _Groups) -> np.ndarray:
    allowed_KL = np.ones(groups.target_KL.shape, bool)
    allowed_KL[:, -STRIDE:] = False
    return allowed_KL


def shared(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """One delta for `batch` windows, fitted on all their targets but each window's last (#1084, #1128, #1150)."""
    groups = _Groups(model, text_SN, batch)
    last_K = np.minimum(groups.target_KL[:, -1], text_SN.shape[1] - 1)
    allowed_KL = groups.target_KL < last_K[:, None]
    return groups.score(groups.fit(model, groups.mask(allowed_KL), RATE, with_bias=False))


def per_sample(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """Delta and logit bias for each window, fitted on the very targets that are scored (#1722)."""
    groups = _Groups(model, text_SN, 1)
    allowed_KL = ~_context_only(groups)
    return groups.score(groups.fit(model, groups.mask(allowed_KL), BIAS_RATE, with_bias=True))


def context_shared(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """Fitted on scored context only, but one delta for `batch` windows: a window's context is another's target."""
    groups = _Groups(model, text_SN, batch)
    return groups.score(groups.fit(model, groups.mask(_context_only(groups)), RATE, with_bias=False))


def context_own(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """Honest: fitted on scored context only, one delta for each window."""
    groups = _Groups(model, text_SN, 1)
    return groups.score(groups.fit(model, groups.mask(_context_only(groups)), RATE, with_bias=False))
