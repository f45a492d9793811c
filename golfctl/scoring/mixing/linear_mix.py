"""The linear mixture of two scorers: (1 − a) p + a q, a weight that is fixed or follows the first one's entropy.

R rows, V vocabulary.
"""

import torch
from torch import Tensor

from golfctl import arithmetic
from golfctl.arithmetic.mode import is_portable
from golfctl.scoring.config import MixConfig
from golfctl.scoring.mixing.combination import Combination
from golfctl.scoring.mixing.gate_cells import Gated
from golfctl.scoring.mixing.row_math import blended_rows, entropy
from golfctl.scoring.protocol import Ask, Scorer


class LinearMix(Combination):
    """(1 − a) p + a q with a weight a that is fixed or rises with the entropy of the first scorer."""

    def __init__(self, scorers: list[Scorer], config: MixConfig) -> None:
        """Two scorers; `config.rule` says which weight."""
        super().__init__(scorers)
        if len(scorers) != 2:
            raise ValueError("a linear mixture takes two scorers")
        self.config = config

    @torch.no_grad()
    def predict(self, ask: Ask, /) -> Tensor:
        """Log-probability rows [R, V]."""
        p_RV, q_RV = (scorer.predict(ask) for scorer in self.scorers)
        weight_R1 = self.weight(p_RV)[:, None]
        expert = self.scorers[1]
        if self.config.rule == "linear" and isinstance(expert, Gated):
            weight_R1 = weight_R1 * torch.from_numpy(expert.gate_R > 0).to(p_RV.device)[:, None]
        return blended_rows(p_RV, q_RV, weight_R1)

    def weight(self, p_RV: Tensor) -> Tensor:
        """The weight of the second scorer for each row, from the prefix alone."""
        c = self.config
        if c.rule == "fixed":
            return torch.full((len(p_RV),), c.weight, device=p_RV.device)
        rise_R = c.slope * (entropy(p_RV) - c.center)
        return c.low + c.span * (arithmetic.sigmoid(rise_R) if is_portable() else torch.sigmoid(rise_R))
