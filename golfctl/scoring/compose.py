"""From the `[eval]` table to a tree of scorers; what a technique needs of a model is checked here, by name."""

from typing import Any

import torch

from golfctl.errors import UsageError
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.neural import IncrementalScorer, NeuralScorer, WindowForward
from golfctl.scoring.protocol import Adaptable, HiddenStates, Incremental, Scorer
from golfctl.scoring.ranks import Ranks


def require(model: Any, capability: type, technique: str, needs: str) -> None:
    """Check that `model` has a capability.

    Raises:
        UsageError: it has not; the message names the technique and the model.
    """
    if not isinstance(model, capability):
        raise UsageError(f"{technique} needs {needs}, which {type(model).__name__} does not give; drop {technique}")


def compose(
    config: EvalConfig, model: Any, vocab_size: int, seq_len: int, rows: int, device: torch.device, ranks: Ranks
) -> Scorer:
    """The honest scorer for `config`; `rows` is the length of the stream (for schedules).

    Raises:
        UsageError: the model lacks what a technique needs.
    """
    forward = WindowForward(model, seq_len, config.batch, device, ranks)
    if config.strict:
        require(model, Incremental, "strict mode", "start_cache and step")
        return IncrementalScorer(model, seq_len, vocab_size, device)
    require(model, HiddenStates, "sliding window", "hidden and head")
    return NeuralScorer(forward, vocab_size)


__all__ = ["Adaptable", "compose", "require"]
