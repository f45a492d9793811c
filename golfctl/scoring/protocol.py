"""What every predictor of next tokens must be, and what it may ask of a model.

Shapes: B windows in a batch, T positions, R rows of a question, K lanes at work, D model width, V vocabulary, N tokens.

A stream is x_0 … x_N; *row* i is the distribution of x_{i+1} given x_0 … x_i. Every scorer has one life cycle: the
runner asks for rows, books the scores, and only then reveals the targets through `observe`. There are two kinds of
questions. A `Block` carries the inputs that parallel teacher forcing needs, so that within a block causality is a
promise (row i depends on inputs up to i alone) which the runner probes. A `Step` (`golfctl.scoring.steps`) shows each
lane one token, and no target of its rows is there to be used: causality is structure.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor


class Window(NamedTuple):
    """Inputs `[start, stop)` of the stream seen at once, of which rows `[first, stop)` are scored.

    `begins`: an isolated document, or the stream, begins with it. That it scores all it sees does not say so: with a
    stride of a whole window every one does.
    """

    start: int
    first: int
    stop: int
    begins: bool = False


@dataclass(frozen=True)
class Block:
    """Consecutive windows whose rows `[first, stop)` are wanted; `ids_N` holds inputs `origin … stop - 1`.

    The target of the last row is not in `ids_N`.
    """

    origin: int
    ids_N: np.ndarray
    windows: tuple[Window, ...]
    first: int
    stop: int

    @property
    def rows(self) -> int:
        """Number of rows wanted."""
        return self.stop - self.first

    @property
    def closes(self) -> bool:
        """Whether the block ends its last window: only then may state that windows share be renewed."""
        return self.stop == self.windows[-1].stop

    @property
    def known_R(self) -> np.ndarray:
        """Targets that may be used while this block is answered: those of all rows but the last."""
        return self.inputs(self.first + 1, self.stop)

    @property
    def key(self) -> bytes:
        """Equal for equal inputs."""
        return self.ids_N.tobytes()

    def inputs(self, start: int, stop: int) -> np.ndarray:
        """Inputs `[start, stop)` by stream position."""
        return self.ids_N[start - self.origin : stop - self.origin]

    def cut(self, window: Window) -> Window:
        """`window` cut down to the rows wanted here."""
        begins = window.begins and window.first >= self.first
        return Window(window.start, max(window.first, self.first), min(window.stop, self.stop), begins)


class Ask(Protocol):
    """A question of either kind, as far as scorers that look at no input need to know it."""

    @property
    def rows(self) -> int:
        """Number of rows wanted."""

    @property
    def first(self) -> int:
        """Rows booked before this question."""

    @property
    def stop(self) -> int:
        """Rows booked after it."""

    @property
    def known_R(self) -> np.ndarray:
        """Targets that may be used while it is answered: those of the first rows, or none."""

    @property
    def key(self) -> bytes:
        """Equal for equal questions."""


class Scorer(Protocol):
    """A predictor of next tokens, asked by blocks or by steps: which of the two is settled when it is made."""

    vocab_size: int
    barrier_rows: int | None
    """Chunk length in rows: windows that first score in different chunks never share a block. None: no chunks."""

    def reset(self, prefix_N: np.ndarray) -> None:
        """Forget everything; `prefix_N` is what is known before the first row: nothing, where lanes read."""

    def predict(self, ask: Any, /) -> Tensor:
        """Complete log-probability rows [R, V], float32, natural logarithm; leaves later answers unchanged."""

    def observe(self, ask: Any, targets_R: np.ndarray, /) -> None:
        """The targets of `ask`, after its scores were booked. The only place where they may change state."""

    def state_id(self) -> str:
        """Digest of all mutable state."""


@runtime_checkable
class HiddenStates(Protocol):
    """A model split before its output layer: `head(hidden(ids))` are its logits."""

    def hidden(self, ids_BT: Tensor, first: int = 0) -> Tensor:
        """States after the final norm of positions `first` on, [B, T - first, D]."""

    def head(self, h_BTD: Tensor) -> Tensor:
        """Logits of states with any leading shape."""


@runtime_checkable
class Tapped(Protocol):
    """A model whose matrix products can be watched and changed."""

    taps: list[Any]
    """Called in turn as `tap(name, x, y) -> y` at every product; the output layer's comes before any soft cap."""


@contextmanager
def tapped(model: Any, tap: Callable[[str, Tensor, Tensor], Tensor]) -> Iterator[None]:
    """Put `tap` on a `Tapped` model within the block."""
    model.taps.append(tap)
    try:
        yield
    finally:
        model.taps.remove(tap)


@runtime_checkable
class Laned(Protocol):
    """A model that reads several texts side by side, each at its own position."""

    def start_lane_cache(self, lanes: int, length: int, rolling: bool = False) -> Any:
        """A cache of `lanes` empty lanes of up to `length` tokens (rolling: whose rows see the `length` latest).

        It has `begin(lane_K)`, which empties lanes, and holds the weights as they are now.
        """

    def extend_lanes(self, ids_KT: Tensor, lane_K: np.ndarray, cache: Any) -> Tensor:
        """States after the final norm [K, T, D] of T more tokens in each of the lanes named, in ascending order."""

    def head(self, h_BTD: Tensor) -> Tensor:
        """Logits of states with any leading shape."""


@runtime_checkable
class Rolling(Protocol):
    """An incremental model whose cache can take text of any length."""

    def start_rolling_cache(self, batch: int, length: int) -> Any:
        """An empty cache whose rows see the `length` latest positions; it has `fork`, `save` and `load`."""

    def extend_hidden(self, ids_BT: Tensor, cache: Any) -> Tensor:
        """States after the final norm [B, T, D] of T more tokens each."""

    def head(self, h_BTD: Tensor) -> Tensor:
        """Logits of states with any leading shape."""


@runtime_checkable
class Adaptable(Protocol):
    """A model whose weights can be trained while it is evaluated."""

    def loss(self, ids_BT: Tensor, targets_BT: Tensor) -> Tensor:
        """Mean cross-entropy in nats."""

    def named_parameters(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """Trainable parameters by name."""
