"""golfctl's own evaluation of an artifact, as the audit drives it: black box, headline runner, source, sessions.

Legend: S texts, N tokens of a text, R rows of a block, V vocabulary.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from golfctl.arithmetic.mode import portable
from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.own.geometry import probe_starts
from golfctl.auditing.subject import Subject
from golfctl.evaluation.assembly import assemble, setting_of
from golfctl.evaluation.job import score_tokens
from golfctl.evaluation.runner import BlockPlan
from golfctl.evaluation.scored_model import ScoredModel
from golfctl.evaluation.settle import resolve
from golfctl.scoring.compose import compose_steps
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.protocol import Block
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.steps.question import Step
from golfctl.scoring.windows import sliding_windows

_BATCHES = (1, 3)
_PLAIN = ("seq_len", "stride", "batch", "context", "dtype")


class RunnerBox:
    """The evaluation as `golfctl eval` runs it, on whatever text is put in place of its own."""

    def __init__(self, name: str, model: ScoredModel, config: EvalConfig, device: torch.device) -> None:
        self.name, self.vocab_size = name, model.vocab_size
        self._model, self._config, self._device = model, config, device

    def score(self, texts: Sequence[np.ndarray]) -> list[PostedScores]:
        """One evaluation for each text, each from a fresh state."""
        return [self._score(text_N, None) for text_N in texts]

    def score_until(self, texts: Sequence[np.ndarray], last_S: Sequence[int]) -> list[PostedScores]:
        """The same evaluations, ended when target `last_S[i]` is booked; leaking forms go to the end."""
        return [self._score(text_N, int(last) - 1) for text_N, last in zip(texts, last_S, strict=True)]

    def _score(self, text_N: np.ndarray, until_row: int | None) -> PostedScores:
        return score_text(self._model, self._config, self._device, text_N, until_row)


class OwnSession:
    """A fresh scorer walked by the auditor, who holds the text and reveals it (level 2): by blocks, or by steps of one
    lane where the evaluation goes by steps."""

    def __init__(self, model: ScoredModel, config: EvalConfig, device: torch.device, text_N: np.ndarray) -> None:
        rows = len(text_N) - 1
        config, model = resolve(config, model, device, rows), fresh(model, config)
        setting = setting_of(model, config, rows, device, Ranks())
        self._starts, self._text_N = document_rows(config, rows), text_N
        self._portable = config.portable
        self._plan: BlockPlan | None = None
        if config.reading_lanes is None:
            self._scorer, self._plan = assemble(config, setting, self._starts)
            self._scorer.reset(text_N[:1].astype(np.int64))
        else:
            self._scorer = compose_steps(config, setting, lanes=1)
            self._scorer.reset(np.zeros(0, np.int64))

    def blocks(self) -> Iterator[Block] | Iterator[Step]:
        """The blocks or steps of the text in order; a step's token is read from the text when its turn comes."""
        return self._steps() if self._plan is None else self._plan.blocks(self._text_N, self._scorer.barrier_rows)

    def _steps(self) -> Iterator[Step]:
        begins = set(self._starts)
        for row in range(len(self._text_N) - 1):
            token_K = self._text_N[row : row + 1].astype(np.int64)
            yield Step(np.zeros(1, np.int64), token_K, np.array([row in begins]), row)

    def predict(self, block: Block | Step) -> np.ndarray:
        """Log-probability rows [R, V] as float64, a copy the scorer cannot reach."""
        with portable(self._portable):
            return np.array(self._scorer.predict(block).double().cpu().numpy())

    def observe(self, block: Block | Step, targets_R: np.ndarray) -> None:
        """Reveal the block's targets."""
        with portable(self._portable):
            self._scorer.observe(block, targets_R.astype(np.int64))

    def state(self) -> str:
        """Digest of the scorer's mutable state."""
        return self._scorer.state_id()


class OwnSource:
    """The artifact's own model, unadapted, sampled through its cache in the windows of the evaluation."""

    name = "the artifact's own unadapted predictor"

    def __init__(self, model: ScoredModel, config: EvalConfig, device: torch.device) -> None:
        self._config = resolve(unadapted(config), model, device, rows=1)  # nothing adapts: any length will do
        self._model, self._device = model, device

    @torch.no_grad()
    def sample(self, count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Texts [S, N] uint16 and −ln q of each token [S, N]; token 0 is drawn uniformly and costs 0.

        Costs are the float64 log-softmax of the very logits that were sampled.
        """
        config, model = self._config, self._model.model
        assert config.seq_len is not None
        model.set_compute_dtype(None)
        text_SN = np.zeros((count, length), np.uint16)
        nll_SN = np.zeros((count, length))
        text_SN[:, 0] = rng.integers(0, self._model.vocab_size, count)
        for window in sliding_windows(length - 1, config.seq_len, config.stride, document_rows(config, length - 1)):
            cache = model.start_cache(count, config.seq_len)
            fed = window.start
            for row in range(window.first, window.stop):
                ids_BT = torch.from_numpy(text_SN[:, fed : row + 1].astype(np.int64)).to(self._device)
                row_SV = torch.log_softmax(model.extend(ids_BT, cache)[:, -1].double(), dim=-1).cpu().numpy()
                fed = row + 1
                text_SN[:, row + 1] = draw(row_SV, rng)
                nll_SN[:, row + 1] = -row_SV[np.arange(count), text_SN[:, row + 1]]
        return text_SN, nll_SN

    @torch.no_grad()
    def row(self, prefix_N: np.ndarray) -> np.ndarray:
        """q over the token after `prefix_N`, [V], from the window in which the evaluation scores it."""
        config, row = self._config, len(prefix_N) - 1
        assert config.seq_len is not None
        start = document_rows(config, row + 1)[-1]
        beyond = row - start - config.seq_len
        start += 0 if beyond < 0 else (beyond // config.stride + 1) * config.stride
        ids_BT = torch.zeros(1, config.seq_len, dtype=torch.long)  # always whole: one window length, one function
        ids_BT[0, : row + 1 - start] = torch.from_numpy(prefix_N[start:].astype(np.int64))
        hidden_BTD = self._model.model.hidden(ids_BT.to(self._device))
        logits_V = self._model.model.head(hidden_BTD[0, row - start])
        return np.asarray(torch.softmax(logits_V.double(), dim=-1).cpu().numpy())


def scoring_subject(
    name: str, model: ScoredModel, config: EvalConfig, device: torch.device, text_N: np.ndarray, others_M: np.ndarray
) -> Subject:
    """The scoring half of a subject: box, batch variants, source and, for honest stacks, sessions."""
    sizes = [size for size in _BATCHES if size != config.batch]
    return Subject(
        name=name,
        box=RunnerBox(name, model, config, device),
        text_N=text_N,
        others_M=others_M if len(others_M) else text_N,
        variants={f"batch {size}": RunnerBox(name, model, rebatched(config, size), device) for size in sizes},
        source=OwnSource(model, config, device),
        session=None if config.leaks else (lambda text: OwnSession(model, config, device, text)),
    )


def score_text(
    model: ScoredModel,
    config: EvalConfig,
    device: torch.device,
    text_N: np.ndarray,
    until_row: int | None = None,
    ranks: Ranks | None = None,
) -> PostedScores:
    """One evaluation of a text from a fresh state, as every process of an audit runs it."""
    starts = probe_starts(config, len(text_N))
    scored = score_tokens(fresh(model, config), text_N, config, device, ranks=ranks, until_row=until_row, starts=starts)
    return PostedScores.of(scored.position_R, scored.nll_R)


def document_rows(config: EvalConfig, rows: int) -> Sequence[int]:
    """First rows of the probed text's documents; one for all where the stack does not isolate them."""
    return [start for start in probe_starts(config, rows + 1) if start < rows]


def fresh(model: ScoredModel, config: EvalConfig) -> ScoredModel:
    """A copy of the model where the stack trains it, so that no evaluation meets what another has learnt."""
    return replace(model, model=copy.deepcopy(model.model)) if config.ttt is not None else model


def rebatched(config: EvalConfig, batch: int) -> EvalConfig:
    """The same evaluation with another number of windows at once."""
    values = config.to_dict() | {"batch": batch}
    if config.slot is not None:
        values["slot"] = {**values["slot"], "batch_windows": batch}
    return EvalConfig.from_dict(values, "eval")


def unadapted(config: EvalConfig) -> EvalConfig:
    """`config` without any technique: the same windows, the bare model."""
    return EvalConfig.from_dict({name: value for name, value in config.to_dict().items() if name in _PLAIN}, "eval")


def draw(row_SV: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One token for each row of log-probabilities, by inversion."""
    cumulative_SV = np.cumsum(np.exp(row_SV), axis=1)
    level_S1 = rng.random((len(row_SV), 1)) * cumulative_SV[:, -1:]
    return np.minimum((cumulative_SV < level_S1).sum(axis=1), row_SV.shape[1] - 1).astype(np.uint16)
