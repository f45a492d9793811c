"""A small recurrent language model in numpy, scored in overlapping windows; many texts at a time.

The recurrence is fixed; what test-time training adapts is the output layer. Every array has the text as its first
axis and every product is taken text by text, so a text's scores do not depend on the texts beside it.

Legend: S texts, N tokens of a text, K windows (blocks) of a text, L window length, T stride, D hidden, V vocabulary.
"""

from typing import NamedTuple

import numpy as np

VOCAB, HIDDEN, WINDOW, STRIDE = 48, 24, 64, 8


class ToyModel(NamedTuple):
    """Embedding, recurrence, output weight and bias, all float64."""

    embed_VD: np.ndarray
    recur_DD: np.ndarray
    out_DV: np.ndarray
    bias_V: np.ndarray


def make_model(seed: int) -> ToyModel:
    """A random model with predictions of about 3 nats entropy (uniform: ln 48 = 3.87)."""
    rng = np.random.default_rng([seed, 48])
    recur_DD = rng.normal(size=(HIDDEN, HIDDEN))
    recur_DD *= 0.6 / np.max(np.abs(np.linalg.eigvals(recur_DD)))
    embed_VD = rng.normal(size=(VOCAB, HIDDEN)) * 0.9
    out_DV = rng.normal(size=(HIDDEN, VOCAB)) * 0.6
    return ToyModel(embed_VD, recur_DD, out_DV, rng.normal(size=VOCAB) * 0.3)


def block_count(length: int) -> int:
    """Blocks of STRIDE targets that cover targets 1 … N−1."""
    return -(-(length - 1) // STRIDE)


def window_hidden(model: ToyModel, text_SN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hidden states of every window, [S, K, L, D], and the index of each state's target, [K, L].

    Window k reads at most L inputs and ends with the input whose target is the last of block k. Targets before the
    text or at or after its end have indices < 1 or ≥ N; the window's place does not depend on where the text ends.
    """
    S, N = text_SN.shape
    K = block_count(N)
    ends_K = STRIDE * (np.arange(K) + 1)
    input_KL = ends_K[:, None] - WINDOW + np.arange(WINDOW)[None, :]
    inside_KL = (input_KL >= 0) & (input_KL < N)
    token_SKL = text_SN[:, np.clip(input_KL, 0, N - 1)]
    embed_VD = np.concatenate([model.embed_VD, np.zeros((1, HIDDEN))])
    token_SKL = np.where(inside_KL[None], token_SKL, VOCAB)
    hidden_SKLD = np.empty((S, K, WINDOW, HIDDEN))
    state_SKD = np.zeros((S, K, HIDDEN))
    for step in range(WINDOW):
        state_SKD = np.tanh(np.matmul(state_SKD, model.recur_DD) + embed_VD[token_SKL[:, :, step]])
        hidden_SKLD[:, :, step] = state_SKD
    return hidden_SKLD, input_KL + 1


def scored_hidden(model: ToyModel, text_SN: np.ndarray) -> np.ndarray:
    """The hidden state that scores each target in its block's window, [S, N−1, D]."""
    S, N = text_SN.shape
    hidden_SKLD, _ = window_hidden(model, text_SN)
    return np.ascontiguousarray(hidden_SKLD[:, :, -STRIDE:].reshape(S, -1, HIDDEN)[:, : N - 1])


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def pick(rows: np.ndarray, target: np.ndarray) -> np.ndarray:
    """rows[..., V] at target[...]."""
    return np.take_along_axis(rows, target[..., None].astype(np.int64), axis=-1)[..., 0]


def plain_rows(model: ToyModel, text_SN: np.ndarray) -> np.ndarray:
    """ln p for each target, [S, N−1, V], of the unadapted model."""
    return log_softmax(np.matmul(scored_hidden(model, text_SN), model.out_DV) + model.bias_V)


class ToySource:
    """The unadapted model itself, sampled step by step in the scorers' own window geometry."""

    name = "the artifact's own unadapted predictor"

    def __init__(self, model: ToyModel) -> None:
        self.model = model

    def sample(self, count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Texts [S, N] and −ln q of each token [S, N]; token 0 is drawn uniformly and costs 0."""
        text_SN = np.zeros((count, length), np.uint16)
        nll_SN = np.zeros((count, length))
        text_SN[:, 0] = rng.integers(0, VOCAB, count)
        for start in range(1, length, STRIDE):
            state_SD = self._context(text_SN, start)
            for position in range(start, min(start + STRIDE, length)):
                state_SD = self._step(state_SD, text_SN[:, position - 1])
                row_SV = log_softmax(np.matmul(state_SD, self.model.out_DV) + self.model.bias_V)
                text_SN[:, position] = _draw(row_SV, rng)
                nll_SN[:, position] = -pick(row_SV, text_SN[:, position])
        return text_SN, nll_SN

    def row(self, prefix_N: np.ndarray) -> np.ndarray:
        """q over the token after `prefix_N`, [V]."""
        text_SN = np.append(prefix_N, 0)[None, :]
        return np.asarray(np.exp(plain_rows(self.model, text_SN)[0, -1]))

    def _context(self, text_SN: np.ndarray, start: int) -> np.ndarray:
        state_SD = np.zeros((len(text_SN), HIDDEN))
        for position in range(max(0, start - 1 + STRIDE - WINDOW), start - 1):
            state_SD = self._step(state_SD, text_SN[:, position])
        return state_SD

    def _step(self, state_SD: np.ndarray, token_S: np.ndarray) -> np.ndarray:
        return np.tanh(np.matmul(state_SD, self.model.recur_DD) + self.model.embed_VD[token_S])


def _draw(row_SV: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cumulative_SV = np.cumsum(np.exp(row_SV), axis=1)
    level_S1 = rng.random((len(row_SV), 1)) * cumulative_SV[:, -1:]
    return np.minimum((cumulative_SV < level_S1).sum(axis=1), VOCAB - 1).astype(np.uint16)


def toy_text(length: int, rng: np.random.Generator) -> np.ndarray:
    """Text the model does not know, [N] uint16: a random sparse first-order chain with some noise."""
    follow_VC = rng.integers(0, VOCAB, (VOCAB, 4))
    text_N = np.zeros(length, np.uint16)
    text_N[0] = rng.integers(0, VOCAB)
    choice_N, noise_N, free_N = rng.integers(0, 4, length), rng.random(length), rng.integers(0, VOCAB, length)
    for i in range(1, length):
        text_N[i] = free_N[i] if noise_N[i] < 0.15 else follow_VC[text_N[i - 1], choice_N[i]]
    return text_N
