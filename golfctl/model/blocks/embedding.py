"""Token embedding; tied models use the same table as output head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field
from torch import Tensor

from golfctl.core.config import Config
from golfctl.model.component import Component, Weight
from golfctl.model.roles import Role
from golfctl.model.weights.init import normal

if TYPE_CHECKING:
    from golfctl.model.context import Context
    from golfctl.model.spec import ModelSpec

TABLE = "tok_emb.weight"


class EmbeddingConfig(Config):
    """Start of the token table."""

    std: float = Field(default=0.005, gt=0)
    """Standard deviation of the initial table; small, since a tied head starts with these rows as its weights."""


class Embedding(Component):
    """e = E[ids], E [V, D] from N(0, std²) (baseline)."""

    Config = EmbeddingConfig

    @classmethod
    def declare(cls, config: EmbeddingConfig, spec: ModelSpec) -> list[Weight]:
        """The table; tied, every token is also multiplied by it once."""
        shape = (spec.vocab_size, spec.dim)
        return [Weight(TABLE, shape, Role.EMBEDDING, normal(config.std), products=int(spec.head.tied))]

    def lookup(self, context: Context) -> Tensor:
        """e_BTD of the context's tokens, in the compute dtype."""
        return context.lookup(context.ids_BT, TABLE, self.own(TABLE))
