"""Token embedding; tied models use the same table as output head."""

from torch import Tensor

from golfctl.model.component import Component
from golfctl.model.config import EmbeddingConfig
from golfctl.model.context import Context
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import normal
from golfctl.model.weights.weight import Weight

TABLE = "tok_emb.weight"


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
