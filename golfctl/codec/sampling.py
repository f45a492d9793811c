"""Drawing a token from a row in integers, so that a seed gives the same tokens on every machine.

A row's frequencies are floor((p / largest p)^(1 / temperature) · 2^32), with the portable exponential in float64. Of
the tokens by falling frequency (the lower id first on ties), the fewest that together have a share of `top_p` are kept.
A 64-bit number of PCG64, whose stream numpy promises never to change, picks one of them. V vocabulary.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from golfctl.arithmetic import exp
from golfctl.errors import UsageError

_SCALE = 2.0**32


@dataclass(frozen=True)
class Drawing:
    """How tokens are drawn. `temperature` 0 takes the likeliest token; `top_p` 1 keeps all."""

    temperature: float = 0.8
    top_p: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        """
        Raises:
            UsageError: a value out of its range.
        """
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise UsageError(f"temperature {self.temperature:g}: use 0 (always the likeliest token) or more")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top-p {self.top_p:g}: use a share above 0 and at most 1 (all tokens)")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}: use 0 or more")


class Sampler:
    """Draws one token after another."""

    def __init__(self, drawing: Drawing, tokens: int) -> None:
        """Only the first `tokens` ids are drawn: a model may have more columns than its tokenizer has pieces."""
        self._drawing = drawing
        self._tokens = tokens
        self._random = np.random.PCG64(drawing.seed)

    def draw(self, row_V: Tensor, but: int | None = None) -> int:
        """A token of a natural-log row, any `but` one."""
        logp_V = row_V[: self._tokens].double().numpy()
        if but is not None:
            logp_V[but] = -np.inf
        if self._drawing.temperature == 0:
            return int(logp_V.argmax())
        scaled = torch.from_numpy((logp_V - logp_V.max()) / self._drawing.temperature)
        frequency_V = np.floor(exp(scaled).numpy() * _SCALE).astype(np.int64)
        order_V = np.argsort(-frequency_V, kind="stable")
        upto_V = np.cumsum(frequency_V[order_V])
        numerator, denominator = self._drawing.top_p.as_integer_ratio()
        wanted = -(-numerator * int(upto_V[-1]) // denominator)
        kept = int(upto_V[np.searchsorted(upto_V, wanted)])
        place = int(self._random.random_raw()) * kept >> 64
        return int(order_V[np.searchsorted(upto_V, place, side="right")])
