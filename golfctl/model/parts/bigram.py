"""BigramHash embedding: a hashed table of the current and the previous token, projected and added to the embedding.

Shapes: B batch, T positions, D width, N buckets, E table width.
"""

from pydantic import Field
from torch import Tensor

from golfctl.core.config import Config
from golfctl.model.component import Component
from golfctl.model.context import Context
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import constant, zeros
from golfctl.model.weights.weight import Weight

_CURRENT, _PREVIOUS, _BEFORE = 36313, 27191, 51497
_TABLE, _PROJECTION, _SCALE = "bigram.embed.weight", "bigram.proj.weight", "bigram.scale"


class BigramConfig(Config):
    """Size of the table."""

    buckets: int = Field(default=2048, ge=2)
    """N, rows of the table; the last one serves tokens without a predecessor."""
    dim: int = Field(default=128, ge=1)
    """E, width of the table."""
    trigram: bool = False
    """Add the row of the last three tokens' hash, from the same table."""
    stop_at_bos: bool = False
    """Treat the first token of a document as one without a predecessor; off in the records."""


class Bigram(Component):
    """e ← e + s·(E[h] Pᵀ), h = (36313·id_t xor 27191·id_{t−1}) mod (N − 1); without predecessor h = N − 1 (PR #162).

    E [N, E] starts at zero, P [D, E] as the model's projections do, s at 0.05. With `trigram`, E[h₃] is added to E[h],
    h₃ = (36313·id_t xor 27191·id_{t−1} xor 51497·id_{t−2}) mod (N − 1).
    """

    Config = BigramConfig

    @classmethod
    def declare(cls, config: BigramConfig, spec: ModelSpec) -> list[Weight]:
        """Table, projection, scale."""
        return [
            Weight(_TABLE, (config.buckets, config.dim), Role.EMBEDDING, zeros),
            Weight(_PROJECTION, (spec.dim, config.dim), Role.MATRIX, spec.init.projection(spec.layers), products=1),
            Weight(_SCALE, (), Role.GAIN, constant(0.05)),
        ]

    def embed(self, e_BTD: Tensor, context: Context) -> Tensor:
        """Add the projected row of every token's bigram."""
        row_BTE = context.lookup(self._bigram(context), _TABLE, self.own(_TABLE))
        if self.config.trigram:
            row_BTE = row_BTE + context.lookup(self._trigram(context), _TABLE, self.own(_TABLE))
        return e_BTD + context.linear(row_BTE, _PROJECTION) * self.gain(_SCALE, e_BTD)

    def _bigram(self, context: Context) -> Tensor:
        ids_BT = context.ids_BT.long()
        hash_BT = (_CURRENT * ids_BT) ^ (_PREVIOUS * context.previous("bigram.1", ids_BT))
        return self._row(hash_BT, context.begins_BT(self.config.stop_at_bos))

    def _trigram(self, context: Context) -> Tensor:
        ids_BT = context.ids_BT.long()
        before_BT = context.previous("bigram.2", ids_BT)
        hash_BT = (_CURRENT * ids_BT) ^ (_PREVIOUS * before_BT) ^ (_BEFORE * context.previous("bigram.3", before_BT))
        begins_BT = context.begins_BT(self.config.stop_at_bos)
        second_BT = context.previous("bigram.4", begins_BT)
        return self._row(hash_BT, begins_BT | second_BT)

    def _row(self, hash_BT: Tensor, begins_BT: Tensor) -> Tensor:
        last = self.config.buckets - 1
        return (hash_BT % last).masked_fill(begins_BT, last)
