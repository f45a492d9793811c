"""Score-first test-time training: once a chunk of targets is scored, train on it; later chunks profit.

After PR #461 and #549: chunks of rows, non-overlapping sequences from the chunk's start, a few epochs, a learning
rate that falls by a cosine over the chunks, the last chunk never trained on. Frozen blocks stay bit for bit what they
were, also inside parameter banks. Gradients are weighted by tokens, so ranks and batches share one update rule.

B sequences, T positions, N tokens.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from golfctl.scoring.config import TttConfig
from golfctl.scoring.history import History
from golfctl.scoring.outcome import SHOWN, Outcome, tensors_sha256
from golfctl.scoring.protocol import Adaptable, Block, Scorer
from golfctl.scoring.ranks import Ranks

LARGEST_CHUNK, LEAST_CHUNKS = 32768, 8


def default_chunk(rows: int, seq_len: int) -> tuple[int, str]:
    """The chunk for a text of `rows` targets when none is given, and why it is that one.

    PR #549's 32,768 where the text gives 8 such chunks, else the largest power of two that does; never less than one
    training sequence of `seq_len`, for a shorter chunk could not be trained on.
    """
    most = (rows - 1) // (LEAST_CHUNKS - 1)  # a chunk up to this length leaves targets for the eighth chunk
    power = 1 << (most.bit_length() - 1) if most else 0
    chunk = max(min(LARGEST_CHUNK, power), seq_len)
    gives = f"{rows:,} targets give {math.ceil(rows / chunk):,} chunk{'s' if rows > chunk else ''}"
    if chunk > power:
        return chunk, f"one window, the least that can be trained on: {gives}, for {LEAST_CHUNKS} they are too few"
    if chunk == LARGEST_CHUNK:
        return chunk, f"as in PR #549: {gives}"
    return chunk, f"the largest power of two that gives at least {LEAST_CHUNKS} chunks: {gives}"


class LayeredEntry(Protocol):
    """One parameter of a model, and which block each of its slices belongs to."""

    path: str
    parameter: nn.Parameter
    layers: Sequence[int | None]
    banked: bool


class Frozen:
    """Keeps the parameters of the first blocks as they are, slice by slice."""

    def __init__(self, model: Any, blocks: int) -> None:
        """`blocks`: how many blocks, from the input, are frozen."""
        self.wholly: list[nn.Parameter] = []
        self.slices: list[tuple[nn.Parameter, Tensor, Tensor]] = []
        entries: list[LayeredEntry] = model.layer_parameters() if blocks else []
        for entry in entries:
            frozen = [layer is not None and layer < blocks for layer in entry.layers]
            if all(frozen):
                self.wholly.append(entry.parameter)
            elif any(frozen) and entry.banked:
                index = torch.tensor(np.flatnonzero(frozen), device=entry.parameter.device)
                self.slices.append((entry.parameter, index, entry.parameter.detach()[index].clone()))

    def mask_gradients(self) -> None:
        """Frozen slices have no gradient."""
        for parameter, index, _ in self.slices:
            if parameter.grad is not None:
                parameter.grad[index] = 0.0

    @torch.no_grad()
    def restore(self) -> None:
        """Undo what weight decay or momentum did to frozen slices."""
        for parameter, index, value in self.slices:
            parameter[index] = value


class ChunkTrainer:
    """The training side: a model, its optimizer, the tokens revealed so far, and the next chunk to train on."""

    part = "ttt"

    def __init__(self, model: Adaptable, config: TttConfig, seq_len: int, rows: int, ranks: Ranks) -> None:
        """`rows` is the length of the stream: the schedule depends on it."""
        self.model = model
        self.config = config
        self.seq_len = seq_len
        self.rows = rows
        self.chunk_rows = config.chunk or default_chunk(rows, seq_len)[0]
        self.chunks = math.ceil(rows / self.chunk_rows)
        self.ranks = ranks
        self._original = {name: p.detach().clone() for name, p in model.named_parameters()}
        self._frozen = Frozen(model, config.freeze_blocks)
        wholly = {id(p) for p in self._frozen.wholly}
        self.trained = [p for _, p in model.named_parameters() if id(p) not in wholly]
        self.reset(np.zeros(0, np.int64))

    @torch.no_grad()
    def reset(self, prefix_N: np.ndarray) -> None:
        """The weights as they were, a new optimizer, no history."""
        for name, parameter in self.model.named_parameters():
            parameter.copy_(self._original[name])
        self.optimizer = _optimizer(self.trained, self.config)
        self.history = History(prefix_N)
        self.chunk = 0

    @property
    def scored(self) -> int:
        """Rows whose targets were revealed."""
        return len(self.history.tokens_N) - 1

    def train_until(self, chunk: int) -> None:
        """Train on every chunk before `chunk` that was not trained on yet."""
        while self.chunk < chunk:
            self._train(self.chunk)
            self.chunk += 1

    def sequences(self, chunk: int) -> int:
        """Training sequences that a chunk holds."""
        return min(self.chunk_rows, self.rows - chunk * self.chunk_rows) // self.seq_len

    def learning_rate(self, chunk: int) -> float:
        """Rate for one chunk."""
        if self.config.schedule == "constant" or self.chunks < 2:
            return self.config.lr
        return self.config.lr * 0.5 * (1 + math.cos(math.pi * chunk / (self.chunks - 1)))

    def _train(self, chunk: int) -> None:
        begin, count = chunk * self.chunk_rows, self.sequences(chunk)
        if not count:
            return
        pairs = self.pairs(begin, min(begin + self.chunk_rows, self.rows))
        x_BT, y_BT = (self._sequences(tokens_R, count) for tokens_R in pairs)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(chunk)
        with _trainable(self.trained):
            for _ in range(self.config.epochs):
                for first in range(0, count, self.config.batch_sequences):
                    stop = min(first + self.config.batch_sequences, count)
                    self._step(x_BT[first:stop], y_BT[first:stop])

    def pairs(self, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """What rows `[first, stop)` teach: tokens and the targets after them."""
        tokens_N = self.history.tokens_N
        return tokens_N[first:stop], tokens_N[first + 1 : stop + 1]

    def _sequences(self, tokens_R: np.ndarray, count: int) -> Tensor:
        sequence_BT = tokens_R[: count * self.seq_len].reshape(count, self.seq_len)
        return torch.from_numpy(sequence_BT).to(self.trained[0].device)

    def _step(self, x_BT: Tensor, y_BT: Tensor) -> None:
        """One update on a batch; each rank takes its share of the sequences, all add up to the batch's mean."""
        rank, world, count = self.ranks.rank, self.ranks.world, len(x_BT)
        mine = slice(count * rank // world, count * (rank + 1) // world)
        self.optimizer.zero_grad(set_to_none=True)
        if mine.stop > mine.start:
            loss = self.model.loss(x_BT[mine], y_BT[mine])
            (loss * ((mine.stop - mine.start) / count)).backward()
        for parameter in self.trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.ranks.sum([p.grad for p in self.trained if p.grad is not None])
        self._frozen.mask_gradients()
        if self.config.grad_clip:
            nn.utils.clip_grad_norm_(self.trained, self.config.grad_clip)
        self.optimizer.step()
        self._frozen.restore()

    def outcome(self) -> Outcome:
        """How many chunks were trained on, and the weights before and after."""
        trained = sum(self.sequences(chunk) > 0 for chunk in range(self.chunk)) if self.config.epochs else 0
        after = tensors_sha256(self.model.named_parameters())
        before = tensors_sha256(self._original.items())
        if not trained:
            return Outcome(False, f"never trained: {self._why_idle()}", after, before)
        digests = f"sha256 {before[:SHOWN]} → {after[:SHOWN]}" if before != after else f"sha256 {after[:SHOWN]}"
        moved = "moved" if before != after else "did not move"
        how = f"{trained:,} of {self.chunks:,} chunks trained on: weights {moved} ({digests})"
        return Outcome(True, how, after, before)

    def _why_idle(self) -> str:
        if not self.config.epochs:
            return "epochs is 0"
        if self.chunk_rows < self.seq_len:
            return (
                f"a chunk of {self.chunk_rows} tokens holds no sequence of {self.seq_len}; raise ttt.chunk or lower "
                "--seq-len"
            )
        if self.rows <= self.chunk_rows:
            advice = "lower ttt.chunk" if self.chunk_rows > self.seq_len else "lower --seq-len"
            return f"{self.rows} targets make one chunk of {self.chunk_rows}, which is scored, not trained on; {advice}"
        return f"adaptation was switched off before the first chunk of {self.chunk_rows} was scored"

    def state_id(self) -> str:
        """Digest of weights, optimizer state and position."""
        digest = hashlib.sha256(f"{self.chunk} {self.scored}".encode())
        for parameter in self.trained:
            state = self.optimizer.state.get(parameter, {})
            for value in (parameter, *(state[key] for key in sorted(state))):
                if isinstance(value, Tensor):
                    digest.update(value.detach().cpu().float().numpy().tobytes())
        return digest.hexdigest()


def _flat(trainer: ChunkTrainer) -> dict[str, Tensor]:
    """Weights and optimizer state by number of the parameter."""
    tensors: dict[str, Tensor] = {f"weight.{i}": parameter for i, parameter in enumerate(trainer.trained)}
    for i, parameter in enumerate(trainer.trained):
        for key, value in trainer.optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{i}.{key}"] = value
    return tensors


class TttScorer:
    """Wraps a scorer of an adaptable model and trains that model on what was observed."""

    part = "ttt"

    def __init__(self, inner: Scorer, trainer: ChunkTrainer) -> None:
        self.inner = inner
        self.trainer = trainer
        self.vocab_size = inner.vocab_size
        self.barrier_rows: int | None = trainer.chunk_rows
        self.paused_at: int | None = None

    def reset(self, prefix_N: np.ndarray) -> None:
        """The weights as they were, a new optimizer, no history."""
        self.inner.reset(prefix_N)
        self.trainer.reset(prefix_N)
        self.paused_at = None

    def predict(self, block: Block) -> Tensor:
        """The inner rows under the weights of now."""
        return self.inner.predict(block)

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        """Train on every chunk that is now wholly scored; never on the last, which could help nothing."""
        self.inner.observe(block, targets_R)
        self.trainer.history.extend(targets_R)
        if block.closes and self.paused_at is None:
            self.trainer.train_until(min(self.trainer.scored // self.trainer.chunk_rows, self.trainer.chunks - 1))

    def save(self) -> dict[str, Tensor]:
        """Weights, optimizer state, and the chunk to train on next."""
        return {**_flat(self.trainer), "chunk": torch.tensor(self.trainer.chunk)}

    @torch.no_grad()
    def load(self, saved: dict[str, Tensor], tokens_N: np.ndarray) -> None:
        """Continue training from there."""
        trainer = self.trainer
        trainer.reset(tokens_N)
        trainer.chunk = int(saved["chunk"])
        for i, parameter in enumerate(trainer.trained):
            parameter.copy_(saved[f"weight.{i}"])
            prefix = f"optimizer.{i}."
            state = {key.removeprefix(prefix): value for key, value in saved.items() if key.startswith(prefix)}
            if state:
                moved = {k: v if k == "step" else v.to(parameter.device) for k, v in state.items()}
                trainer.optimizer.state[parameter] = moved

    def pause(self) -> None:
        """Train no more in this run; the weights stay as they are."""
        if self.paused_at is None:
            self.paused_at = self.trainer.scored

    def outcome(self) -> Outcome:
        """How many chunks were trained on, and the weights before and after."""
        return self.trainer.outcome()

    def state_id(self) -> str:
        """Digest of the inner state, weights, optimizer state and position."""
        return hashlib.sha256(f"{self.inner.state_id()} {self.trainer.state_id()}".encode()).hexdigest()


class _trainable:
    """Gradients on for the given parameters within the block, and gone afterwards."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self._parameters = parameters
        self._grad = torch.enable_grad()

    def __enter__(self) -> None:
        self._grad.__enter__()
        for parameter in self._parameters:
            parameter.requires_grad_(True)

    def __exit__(self, *exc: object) -> None:
        for parameter in self._parameters:
            parameter.requires_grad_(False)
            parameter.grad = None
        self._grad.__exit__(None, None, None)


def _optimizer(parameters: list[nn.Parameter], config: TttConfig) -> torch.optim.Optimizer:
    if config.form == "sgd":
        return torch.optim.SGD(parameters, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
    return torch.optim.AdamW(
        parameters, lr=config.lr, betas=config.betas, eps=config.eps, weight_decay=config.weight_decay
    )
