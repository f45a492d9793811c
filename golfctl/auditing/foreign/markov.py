"""A source for texts when nothing better is known: a first-order chain counted from the audited text.

A poor source costs the known-source check power, never validity.

Legend: S texts, N tokens, V vocabulary.
"""

import numpy as np

_KAPPA = 4.0  # weight of the unigram in each row, in tokens


class MarkovSource:
    """p(v | u) = (c(u, v) + κ p(v)) / (c(u) + κ), with p(v) the smoothed unigram."""

    name = "a first-order chain counted from the text"

    def __init__(self, text_N: np.ndarray, vocab_size: int) -> None:
        self._unigram_V = (np.bincount(text_N, minlength=vocab_size) + 0.5).astype(np.float64)
        self._unigram_V /= self._unigram_V.sum()
        self._follow: dict[int, np.ndarray] = {}
        for u in np.unique(text_N[:-1]):
            self._follow[int(u)] = text_N[1:][text_N[:-1] == u]

    def row(self, prefix_N: np.ndarray) -> np.ndarray:
        """p over the token after `prefix_N`, [V]; only its last token matters."""
        following = self._follow.get(int(prefix_N[-1]), np.zeros(0, np.int64))
        counts_V = np.bincount(following, minlength=len(self._unigram_V))
        return np.asarray((counts_V + _KAPPA * self._unigram_V) / (len(following) + _KAPPA))

    def sample(self, count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Texts [S, N] and −ln p of each token [S, N]; token 0 is drawn from the unigram and costs 0."""
        text_SN, nll_SN = np.zeros((count, length), np.uint16), np.zeros((count, length))
        for s in range(count):
            text_SN[s, 0] = rng.choice(len(self._unigram_V), p=self._unigram_V)
            for i in range(1, length):
                row_V = self.row(text_SN[s, i - 1 : i])
                text_SN[s, i] = rng.choice(len(row_V), p=row_V)
                nll_SN[s, i] = -np.log(row_V[text_SN[s, i]])
        return text_SN, nll_SN
