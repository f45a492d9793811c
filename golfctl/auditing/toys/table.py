"""The fourteen toy scorers as black boxes, each with the verdicts that an audit must give it.

Legend: S texts, N tokens of a text, K windows.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.toys import adapt
from golfctl.auditing.toys import count_mixing as counting
from golfctl.auditing.toys import offsets as slot
from golfctl.auditing.toys.model import STRIDE, VOCAB, WINDOW, ToyModel, log_softmax, pick, plain_rows, scored_hidden

_GROUP_TOKENS = 8192
Scorer = Callable[[ToyModel, np.ndarray, int], np.ndarray]


def plain(model: ToyModel, text_SN: np.ndarray, batch: int) -> np.ndarray:
    """Honest: the sliding window, nothing else."""
    return -pick(plain_rows(model, text_SN), text_SN[:, 1:])


class Toy(NamedTuple):
    """A scorer, the checks that must fail it, those that must warn, and those that may say either (by chance)."""

    name: str
    scorer: Scorer
    fails: frozenset[str] = frozenset()
    warns: frozenset[str] = frozenset()
    either: frozenset[str] = frozenset()
    rescores_tail: bool = False

    @property
    def honest(self) -> bool:
        """No check may fail it."""
        return not self.fails


def _set(*ids: str) -> frozenset[str]:
    return frozenset(ids)


_LEAK = _set("T1", "T1b", "T3", "T3r", "T12-i")
_STRONG = ("T12-ii", "T12-iii")
_EDGE = _set("T1b", "T12-iii")  # six cuts at the edges of ranks miss some windows; shuffled text is seldom enough
TOYS = (
    Toy("plain sliding window", plain),
    Toy("score-first TTT", adapt.score_first),
    Toy("score-first TTT, misaligned chunk", adapt.misaligned, _set("T1"), either=_set("T1b", "T3", "T12-i")),
    Toy("adapt on all, then score", adapt.adapt_then_score, _LEAK),
    Toy("two passes", adapt.two_pass, _LEAK),
    Toy("min over passes", adapt.min_over_passes, _LEAK),
    Toy("SLOT, shared delta", slot.shared, _set("T1", "T3", "T10", "T12-i"), either=_EDGE),
    Toy("SLOT, per sample with bias", slot.per_sample, _set("T1", "T3", "T3r", "T12-i", *_STRONG), either=_EDGE),
    Toy("SLOT, context only, shared delta", slot.context_shared, _set("T1", "T3", "T10", "T12-i"), either=_EDGE),
    Toy("SLOT, context only, own delta", slot.context_own),
    Toy("hashed cache, answer in the key", counting.hashed_cache, _set("T3", "T3r", "T12-i", *_STRONG)),
    Toy("exact cache, normalised", counting.exact_cache),
    Toy("oracle gate", counting.oracle_gate, _set("T3", "T3r", "T12-i"), either=_set("T12-ii", "T12-iii")),
    Toy("upstream tail rule", plain, warns=_set("T8"), rescores_tail=True),
)


class ToyBox:
    """A toy scorer on a model as a black box; texts of one length are scored together, each on its own."""

    def __init__(self, toy: Toy, model: ToyModel, batch: int = 8) -> None:
        self.name, self.vocab_size = toy.name, VOCAB
        self._toy, self._model, self._batch = toy, model, batch

    def score(self, texts: Sequence[np.ndarray]) -> list[PostedScores]:
        """One ledger for each text."""
        ledgers: list[PostedScores | None] = [None] * len(texts)
        lengths = np.array([len(text_N) for text_N in texts])
        for length in np.unique(lengths):
            group = np.flatnonzero(lengths == length)
            step = max(1, _GROUP_TOKENS // int(length))
            for start in range(0, len(group), step):
                chosen = group[start : start + step]
                scored = self._score_block(np.stack([texts[i] for i in chosen]))
                for i, ledger in zip(chosen, scored, strict=True):
                    ledgers[i] = ledger
        return [ledger for ledger in ledgers if ledger is not None]

    def _score_block(self, text_SN: np.ndarray) -> list[PostedScores]:
        nll_SI = self._toy.scorer(self._model, text_SN, self._batch)
        position_I = np.arange(1, text_SN.shape[1])
        if self._toy.rescores_tail:
            more_position, more_SI = rescored_tail(self._model, text_SN)
            position_I = np.concatenate([position_I, more_position])
            nll_SI = np.concatenate([nll_SI, more_SI], axis=1)
        return [PostedScores.of(position_I, nll_I) for nll_I in nll_SI]


def rescored_tail(model: ToyModel, text_SN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the upstream window rule adds: the last STRIDE targets again, from ever shorter windows."""
    N = text_SN.shape[1]
    positions, scores = [np.zeros(0, np.int64)], [np.zeros((len(text_SN), 0))]
    for inputs in range(WINDOW - STRIDE, 0, -STRIDE):
        if inputs + 1 > N:
            continue
        tail_SN = text_SN[:, N - inputs - 1 :]
        rows = log_softmax(np.matmul(scored_hidden(model, tail_SN), model.out_DV) + model.bias_V)
        count = min(STRIDE, inputs)
        positions.append(np.arange(N - count, N))
        scores.append(-pick(rows[:, -count:], tail_SN[:, -count:]))
    return np.concatenate(positions), np.concatenate(scores, axis=1)
