"""Toy scorers that train the output layer on the text: one honest, four not.

Legend: S texts, I = N−1 targets of a text, C targets of a chunk, D hidden, V vocabulary.
"""

import numpy as np

from golfctl.auditing.toys.model import STRIDE, VOCAB, ToyModel, log_softmax, pick, scored_hidden, softmax

CHUNK, ODD_CHUNK, EPOCHS = 64, 23, 3
RATE = 0.025 / CHUNK  # for each target of a chunk


class OutputLayer:
    """The output layer of every text, adapted by plain gradient steps on the summed loss of a chunk."""

    def __init__(self, model: ToyModel, texts: int) -> None:
        self.out_SDV = np.repeat(model.out_DV[None], texts, axis=0)
        self.bias_SV = np.repeat(model.bias_V[None], texts, axis=0)

    def nll(self, hidden_SCD: np.ndarray, target_SC: np.ndarray) -> np.ndarray:
        """−ln p of each target, [S, C]."""
        return -pick(log_softmax(self._logits(hidden_SCD)), target_SC)

    def train(self, hidden_SCD: np.ndarray, target_SC: np.ndarray, epochs: int = EPOCHS, rate: float = RATE) -> None:
        """`epochs` gradient steps on the chunk."""
        onehot_SCV = (target_SC[..., None] == np.arange(VOCAB)).astype(np.float64)
        for _ in range(epochs):
            error_SCV = softmax(self._logits(hidden_SCD)) - onehot_SCV
            self.out_SDV -= rate * np.matmul(hidden_SCD.transpose(0, 2, 1), error_SCV)
            self.bias_SV -= rate * error_SCV.sum(axis=1)

    def _logits(self, hidden_SCD: np.ndarray) -> np.ndarray:
        return np.asarray(np.matmul(hidden_SCD, self.out_SDV) + self.bias_SV[:, None])


def _pass(layer: OutputLayer, hidden_SID: np.ndarray, target_SI: np.ndarray, chunk: int) -> np.ndarray:
    """Score a chunk, then train on it. A block belongs to the chunk that holds its *last* target.

    With a chunk that is a multiple of the stride this is score-first. Otherwise the block that straddles a chunk's
    end is scored in the next chunk, after the update has seen its first targets: the slip to be caught.
    """
    count = target_SI.shape[1]
    nll_SI = np.empty(target_SI.shape)
    scored = 0
    for start in range(0, count, chunk):
        end = start + chunk
        until = count if end >= count else end // STRIDE * STRIDE
        if until > scored:
            nll_SI[:, scored:until] = layer.nll(hidden_SID[:, scored:until], target_SI[:, scored:until])
            scored = until
        layer.train(hidden_SID[:, start:end], target_SI[:, start:end])
    return nll_SI


def score_first(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """Honest test-time training: every chunk is scored before it is trained on."""
    return _pass(OutputLayer(model, len(text_SN)), scored_hidden(model, text_SN), text_SN[:, 1:], CHUNK)


def misaligned(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """Score-first with a chunk that is no multiple of the stride."""
    return _pass(OutputLayer(model, len(text_SN)), scored_hidden(model, text_SN), text_SN[:, 1:], ODD_CHUNK)


def adapt_then_score(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """Train on the whole text, then score it (the form of #761, #1376)."""
    hidden_SID, target_SI = scored_hidden(model, text_SN), text_SN[:, 1:]
    layer = OutputLayer(model, len(text_SN))
    _pass(layer, hidden_SID, target_SI, CHUNK)
    return layer.nll(hidden_SID, target_SI)


def _two_passes(model: ToyModel, text_SN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hidden_SID, target_SI = scored_hidden(model, text_SN), text_SN[:, 1:]
    layer = OutputLayer(model, len(text_SN))
    first_SI = _pass(layer, hidden_SID, target_SI, CHUNK)
    return first_SI, _pass(layer, hidden_SID, target_SI, CHUNK)


def two_pass(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """Score-first twice over the text, of which the second scores count (#846, #868)."""
    return _two_passes(model, text_SN)[1]


def min_over_passes(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """The better of two passes, token by token (#573)."""
    return np.minimum(*_two_passes(model, text_SN))
